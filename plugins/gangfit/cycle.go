// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
)

// pinKey is where PreFilter leaves a member's pin for the rest of its cycle.
const pinKey framework.StateKey = Name + "/pin"

type pinned struct{ *gang.Pin }

// Clone returns the same pin: it does not change during a cycle.
func (p pinned) Clone() framework.StateData { return p }

func pinOf(state *framework.CycleState) *gang.Pin {
	data, err := state.Read(pinKey)
	if err != nil {
		return nil
	}
	return data.(pinned).Pin
}

// PreFilter pins a gang's member to its node in the gang's plan, which it makes first if there is none.
func (g *GangFit) PreFilter(ctx context.Context, state *framework.CycleState, pod *corev1.Pod) (*framework.PreFilterResult, *framework.Status) {
	if _, ok := gang.KeyOf(pod); !ok || isSimulated(state) {
		if !g.respect(state, pod) {
			return nil, framework.NewStatus(framework.Skip)
		}
		return nil, nil
	}
	pin, status := g.pin(ctx, pod)
	if pin == nil {
		return nil, status
	}
	state.Write(pinKey, pinned{pin})
	return &framework.PreFilterResult{NodeNames: sets.New(pin.Node)}, nil
}

// PreFilterExtensions returns nil: a pin does not depend on other pods.
func (*GangFit) PreFilterExtensions() framework.PreFilterExtensions { return nil }

// pin returns the member's pin, or the status to end its cycle with.
func (g *GangFit) pin(ctx context.Context, pod *corev1.Pod) (*gang.Pin, *framework.Status) {
	switch turn := g.ledger.Turn(pod); {
	case turn.Refusal != "":
		return nil, unschedulable(turn.Refusal)
	case turn.Pin != nil:
		return g.confirm(ctx, pod, turn.Pin)
	default:
		return g.plan(ctx, pod, turn.Draft)
	}
}

// plan places the whole gang on the snapshot.
func (g *GangFit) plan(ctx context.Context, pod *corev1.Pod, draft *gang.Draft) (*gang.Pin, *framework.Status) {
	if g.hasAny(draft.Left) {
		return nil, unschedulable(g.ledger.Postpone(draft))
	}
	began := g.clock.Now()
	seats, reason, err := g.fill(ctx, draft)
	g.metrics.planned(outcomeOf(reason, err), g.clock.Since(began))
	if err != nil {
		return nil, framework.AsStatus(fmt.Errorf("plan gang %s: %w", draft.Key, err))
	}
	logger := klog.FromContext(ctx)
	if reason != "" {
		if _, note, err := g.makeRoom(ctx, pod, draft); err != nil {
			return nil, framework.AsStatus(fmt.Errorf("make room for gang %s: %w", draft.Key, err))
		} else if note != "" {
			reason += "; " + note
		}
		logger.V(4).Info("Gang does not fit", "gang", draft.Key, "reason", reason)
		g.ledger.Refuse(draft, pod.UID, reason)
		g.turnAway(logger, pod, g.holds.against(pod, g.ledger.Order))
		return nil, unschedulable(reason)
	}
	plan := g.ledger.Adopt(draft, seats)
	if plan == nil {
		return nil, unschedulable(draft.Key.Reason("its members changed while it was planned"))
	}
	g.holdSeats(plan, draft.Members, seats)
	logger.V(2).Info("Planned gang", "gang", draft.Key, "members", len(seats))
	limit := patience(draft.Spec.Patience, len(seats))
	g.clock.AfterFunc(limit, func() {
		g.giveUp(plan, causeTimeout, draft.Key.Reason("not all members reached their nodes within %v", limit))
	})
	node, ok := seats[pod.UID]
	if !ok { // an elastic gang starts without this member
		return nil, unschedulable(plan.LeftOut())
	}
	return &gang.Pin{Plan: plan, Node: node}, nil
}

// confirm checks that the member still fits where the plan put it. If not, the open seats are planned once more, else the
// gang goes back whole.
func (g *GangFit) confirm(ctx context.Context, pod *corev1.Pod, pin *gang.Pin) (*gang.Pin, *framework.Status) {
	why, err := g.misfit(ctx, pod, pin.Node)
	if err != nil {
		return nil, framework.AsStatus(fmt.Errorf("confirm node %s: %w", pin.Node, err))
	}
	if why == "" {
		return pin, nil
	}
	reason := pin.Plan.Key().Reason("the planned node of %s was taken: %s", pod.Name, why)
	if draft := g.ledger.Replan(pin.Plan); draft != nil {
		g.metrics.replans.Inc()
		seats, shortage, err := g.fill(ctx, draft)
		switch {
		case err != nil:
			return nil, framework.AsStatus(fmt.Errorf("replan gang %s: %w", draft.Key, err))
		case shortage != "":
			reason = shortage
		case g.ledger.Reseat(pin.Plan, seats):
			g.holdSeats(pin.Plan, draft.Members, seats)
			return &gang.Pin{Plan: pin.Plan, Node: seats[pod.UID]}, nil
		}
	}
	return nil, g.giveUp(pin.Plan, causeTaken, reason)
}

// giveUp withdraws the plan, sends its waiting members back and returns the status for the member that asked.
func (g *GangFit) giveUp(plan *gang.Plan, cause, reason string) *framework.Status {
	uids := g.ledger.Withdraw(plan, reason)
	g.endSeats(plan)
	g.metrics.returned(cause, len(uids))
	g.reject(uids, reason)
	return unschedulable(reason)
}

// Filter keeps a pinned pod to its node: the scheduler tries a pod's nominated node without regard to PreFilter's result.
// It keeps other pods off the room that is held for somebody before them.
func (g *GangFit) Filter(_ context.Context, state *framework.CycleState, _ *corev1.Pod, node *framework.NodeInfo) *framework.Status {
	if pin := pinOf(state); pin != nil {
		if pin.Node != node.Node().Name {
			return unschedulable("the gang's plan has another node for this member")
		}
		return nil
	}
	if keeps := keepsOf(state); keeps != nil {
		return keeps.filter(node)
	}
	return nil
}

// PostFilter gives the plan up when a pinned member's cycle failed, so that the members that wait for it do not wait on. For
// a pod of no gang it makes room if it may; for a gang its plan does.
func (g *GangFit) PostFilter(ctx context.Context, state *framework.CycleState, pod *corev1.Pod, _ framework.NodeToStatusReader) (*framework.PostFilterResult, *framework.Status) {
	if pin := pinOf(state); pin != nil {
		g.giveUp(pin.Plan, causeLost, pin.Plan.Key().Reason("%s did not get its planned node", pod.Name))
	}
	if keeps := keepsOf(state); keeps != nil && keeps.hit.Load() {
		g.turnAway(klog.FromContext(ctx), pod, keeps.against)
	}
	if _, ok := gang.KeyOf(pod); !ok {
		return g.roomForPod(ctx, pod)
	}
	return nil, framework.NewStatus(framework.Unschedulable)
}
