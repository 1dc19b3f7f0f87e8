// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/noderesources"

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
	logger := klog.FromContext(ctx)
	defer g.advance(logger)
	if g.hasAny(draft.Left) {
		g.ledger.Postpone(draft)
		return nil, unschedulable(draft.Key.Reason("its former room is still being given back"))
	}
	seats, reason, err := g.timedFill(ctx, draft)
	if err != nil {
		g.ledger.Postpone(draft)
		return nil, framework.AsStatus(fmt.Errorf("plan gang %s: %w", draft.Key, err))
	}
	if reason != "" {
		if _, note, err := g.makeRoom(ctx, pod, draft); err != nil {
			g.ledger.Postpone(draft)
			return nil, framework.AsStatus(fmt.Errorf("make room for gang %s: %w", draft.Key, err))
		} else if note != "" {
			reason += "; " + note
		}
		g.refuse(ctx, pod, draft, reason)
		return nil, unschedulable(reason)
	}
	plan := g.ledger.Adopt(draft, seats)
	if plan == nil {
		return nil, unschedulable(draft.Key.Reason("its members changed while it was planned"))
	}
	g.metrics.planBegan(plan, g.clock.Now())
	g.holdSeats(plan, draft.Members, seats)
	g.holds.Release(keptFor(draft.Key))
	logger.V(2).Info("Planned gang", "gang", draft.Key, "members", len(seats))
	limit := patience(draft.Spec.Patience, len(seats))
	g.clock.AfterFunc(limit, func() {
		g.metrics.planEnded(plan)
		g.giveUp(plan, causeTimeout, draft.Key.Reason("not all members reached their nodes within %v", limit))
	})
	node, ok := seats[pod.UID]
	if !ok { // an elastic gang starts without this member
		g.activate(logger, plan.Members())
		return nil, unschedulable(plan.LeftOut())
	}
	return &gang.Pin{Plan: plan, Node: node}, nil
}

// timedFill is fill with its duration noted.
func (g *GangFit) timedFill(ctx context.Context, draft *gang.Draft) (seats map[types.UID]string, reason string, err error) {
	began := g.clock.Now()
	seats, reason, err = g.fill(ctx, draft)
	g.metrics.planned(outcomeOf(reason, err), g.clock.Since(began))
	return seats, reason, err
}

// confirm checks cheaply that the member still fits where the plan put it: all the rest the scheduler's own filters check
// next. If not, the open seats are planned once more, else the gang goes back whole.
func (g *GangFit) confirm(ctx context.Context, pod *corev1.Pod, pin *gang.Pin) (*gang.Pin, *framework.Status) {
	why := g.shortOn(pod, pin.Node)
	if why == "" {
		return pin, nil
	}
	reason := pin.Plan.Key().Reason("the planned node of %s was taken: %s", pod.Name, why)
	seats, reason, err := g.replan(ctx, pin.Plan, reason)
	switch {
	case err != nil:
		return nil, framework.AsStatus(err)
	case seats != nil:
		return &gang.Pin{Plan: pin.Plan, Node: seats[pod.UID]}, nil
	}
	return nil, g.giveUp(pin.Plan, causeTaken, reason)
}

// replan gives the seats of a plan that are not reserved yet new nodes, once for each plan. Without seats the plan is to be
// given up, for the reason that was given or a better one.
func (g *GangFit) replan(ctx context.Context, plan *gang.Plan, reason string) (map[types.UID]string, string, error) {
	draft := g.ledger.Replan(plan)
	if draft == nil {
		return nil, reason, nil
	}
	g.metrics.replans.Inc()
	seats, shortage, err := g.fill(ctx, draft)
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("replan gang %s: %w", draft.Key, err)
	case shortage != "":
		return nil, shortage, nil
	case !g.ledger.Reseat(plan, seats):
		return nil, reason, nil
	}
	g.holdSeats(plan, draft.Members, seats)
	return seats, "", nil
}

// shortOn says what the node lacks for pod on the present snapshot; empty when it lacks nothing.
func (g *GangFit) shortOn(pod *corev1.Pod, node string) string {
	info, err := g.fwk.SnapshotSharedLister().NodeInfos().Get(node)
	if err != nil {
		return "node " + node + " is gone"
	}
	if lacks := noderesources.Fits(pod, info, noderesources.ResourceRequestsOptions{}); len(lacks) > 0 {
		return lacks[0].Reason
	}
	if !admits(info.Node(), pod) {
		return "node " + node + " no longer takes it"
	}
	return ""
}

// giveUp withdraws the plan, sends its waiting members back and returns the status for the member that asked.
func (g *GangFit) giveUp(plan *gang.Plan, cause, reason string) *framework.Status {
	uids := g.ledger.Withdraw(plan, reason)
	g.endSeats(plan)
	g.metrics.returned(cause, len(uids))
	g.reject(uids, reason)
	g.kick()
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

// PostFilter plans the open seats once more when a pinned member's cycle failed. Failing that it gives the plan up, so that
// the members that wait for this one do not wait on. For a pod of no gang it makes room if it may; for a gang its plan does.
func (g *GangFit) PostFilter(ctx context.Context, state *framework.CycleState, pod *corev1.Pod, _ framework.NodeToStatusReader) (*framework.PostFilterResult, *framework.Status) {
	if pin := pinOf(state); pin != nil {
		g.reseat(ctx, pod, pin.Plan)
	}
	if keeps := keepsOf(state); keeps != nil && keeps.hit.Load() {
		g.turnAway(klog.FromContext(ctx), pod, keeps.against)
	}
	if _, ok := gang.KeyOf(pod); !ok {
		return g.roomForPod(ctx, pod)
	}
	return nil, framework.NewStatus(framework.Unschedulable)
}

// reseat finds pod another node in its gang's plan, for another cycle.
func (g *GangFit) reseat(ctx context.Context, pod *corev1.Pod, plan *gang.Plan) {
	logger := klog.FromContext(ctx)
	seats, reason, err := g.replan(ctx, plan, plan.Key().Reason("%s did not get its planned node", pod.Name))
	if err != nil {
		reason = plan.Key().Reason("%s did not get its planned node", pod.Name)
		logger.Error(err, "Gang goes back", "gang", plan.Key())
	}
	if seats == nil {
		g.giveUp(plan, causeLost, reason)
		return
	}
	g.activate(logger, []*corev1.Pod{pod})
}
