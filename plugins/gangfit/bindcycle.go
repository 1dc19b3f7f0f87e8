// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
)

// bindAgain is how long after a bind failed the member is tried again.
const bindAgain = time.Second

// Reserve marks the member's seat as held.
func (g *GangFit) Reserve(_ context.Context, state *framework.CycleState, pod *corev1.Pod, _ string) *framework.Status {
	if pin := pinOf(state); pin != nil && !g.ledger.Reserve(pin.Plan, pod.UID) {
		return withdrawn(pin.Plan)
	} else if pin == nil {
		g.holds.Release(vacated(pod))
	}
	return nil
}

// Unreserve gives the plan up if it is open. Once it was released, the pod alone comes back.
func (g *GangFit) Unreserve(ctx context.Context, state *framework.CycleState, pod *corev1.Pod, _ string) {
	if pin := pinOf(state); pin != nil {
		reason := pin.Plan.Key().Reason("%s lost its place", pod.Name)
		uids := g.ledger.Unreserve(pin.Plan, pod.UID, reason)
		g.endSeats(pin.Plan)
		g.metrics.returned(causeLost, len(uids))
		g.reject(uids, reason)
		g.kick()
		if len(uids) == 0 { // its bind failed: kube-scheduler, too, tries such a pod again after a while
			g.clock.AfterFunc(bindAgain, func() { g.tryAgain(klog.FromContext(ctx), podMap([]*corev1.Pod{pod})) })
		}
	}
}

// Permit makes a member wait until all seats of the plan are held. The last one lets all go. The first one sees to it that
// the others are tried now, wherever in the queue they are.
func (g *GangFit) Permit(ctx context.Context, state *framework.CycleState, pod *corev1.Pod, _ string) (*framework.Status, time.Duration) {
	pin := pinOf(state)
	if pin == nil {
		return nil, 0
	}
	arrival := g.ledger.Arrive(pin.Plan)
	switch {
	case arrival.Closed:
		return withdrawn(pin.Plan), 0
	case len(arrival.Release) == 0:
		activate(state, arrival.Missing)
		return framework.NewStatus(framework.Wait), 2 * patience(pin.Plan.Patience(), arrival.Seats) // the plan's own timeout comes first
	}
	g.endSeats(pin.Plan)
	g.metrics.released(pin.Plan, g.clock.Now())
	g.holds.Release(vacated(pod))
	g.holds.Release(reservedFor(pin.Plan.Key()))
	klog.FromContext(ctx).V(4).Info("Releasing gang", "pod", klog.KObj(pod), "members", len(arrival.Release))
	for _, uid := range arrival.Release {
		if waiting := g.fwk.GetWaitingPod(uid); waiting != nil { // all but this pod, whose Permit this is
			waiting.Allow(Name)
		}
	}
	g.kick() // members of an elastic gang that had no seat
	return nil, 0
}

func withdrawn(plan *gang.Plan) *framework.Status {
	return unschedulable(plan.Key().Reason("its plan was withdrawn"))
}

// activate asks the scheduler to move pods to the active queue at the end of this cycle.
func activate(state *framework.CycleState, pods []*corev1.Pod) {
	if len(pods) == 0 {
		return
	}
	data, err := state.Read(framework.PodsToActivateKey)
	if err != nil {
		return // only outside a scheduler
	}
	list := data.(*framework.PodsToActivate)
	list.Lock()
	defer list.Unlock()
	maps.Copy(list.Map, podMap(pods))
}
