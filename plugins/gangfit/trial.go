// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/muster-batch/muster/plugins/gang"
)

// enoughNodes is how many fitting nodes are scored for one member. It is the scheduler's own minimum.
const enoughNodes = 100

// trial seats a gang's members one after the other. Every PreFilter, Filter and Score plugin of the profile is asked for
// each, as in the member's own cycle, with the members seated before it in place. It is for members whose fit depends on
// other pods, or on volumes.
type trial struct {
	of     *simulation
	g      *GangFit
	infos  []*framework.NodeInfo // the simulation's, except that a node with a seat is a copy
	where  string                // added to the reason why a member does not fit
	seated []seated
	kinds  map[types.UID]*template
	kept   bool // somewhere room that is held for others stood in the way
}

type seated struct {
	info *framework.PodInfo
	node int // index into infos
}

// template is what the members of one kind have in common.
type template struct {
	state  *framework.CycleState // of the first one's PreFilter, kept up to date with the seats
	only   *framework.PreFilterResult
	status *framework.Status
	told   int                 // how many seats the state knows of
	never  []*framework.Status // by node: why none fits there whatever else is seated; nil if one may
	missed int                 // how many seats there were when one last found no node; -1 for never
}

// newTrial returns a trial of a gang on some of the simulation's nodes.
func (s *simulation) newTrial(members []*corev1.Pod, on part) (*trial, error) {
	repelling, err := s.g.fwk.SnapshotSharedLister().NodeInfos().HavePodsWithRequiredAntiAffinityList()
	if err != nil {
		return nil, fmt.Errorf("list the snapshot's nodes: %w", err)
	}
	t := &trial{of: s, g: s.g, infos: slices.Clone(on.infos), where: on.where, kinds: make(map[types.UID]*template, len(members))}
	for _, set := range kin(members, templateAlike(members, len(repelling) > 0)) {
		kind := &template{missed: -1}
		for _, pod := range set {
			t.kinds[pod.UID] = kind
		}
	}
	return t, nil
}

// oneByOne seats the members of a draft by trial. Where no part of the cluster holds them, the reason is that of the part
// that held most; of equals, of one where room is kept for others, for there the gang would fit.
func (s *simulation) oneByOne(ctx context.Context, draft *gang.Draft) (seats map[types.UID]string, reason string, err error) {
	var nearest gang.Shortfall
	kept := false
	for i, part := range domainsToTry(draft, s.infos) {
		t, err := s.newTrial(draft.Members, part)
		if err != nil {
			return nil, "", err
		}
		seats, reason, err := draft.Fill(t.seat(ctx))
		if err != nil || reason == "" {
			return seats, "", err
		}
		short := draft.Shortfall()
		if i == 0 || short.Fit > nearest.Fit || (short.Fit == nearest.Fit && t.kept && !kept) {
			nearest, kept = short, t.kept
		}
	}
	return nil, draft.Refuse(nearest), nil
}

// seat returns the function that fills a draft.
func (t *trial) seat(ctx context.Context) gang.Seat {
	return func(pod *corev1.Pod) (string, string, error) {
		kind := t.kinds[pod.UID]
		if kind.missed == len(t.seated) {
			return "", "as the member before", nil
		}
		best, why, err := t.search(ctx, pod, kind)
		if err != nil {
			return "", "", err
		}
		if best < 0 {
			kind.missed = len(t.seated)
			return "", why + t.where, nil
		}
		return t.take(pod, best)
	}
}

// take puts pod on a node of the simulation.
func (t *trial) take(pod *corev1.Pod, node int) (string, string, error) {
	name := t.infos[node].Node().Name
	placed := *pod
	placed.Spec.NodeName = name
	info, err := framework.NewPodInfo(&placed)
	if err != nil {
		return "", "", fmt.Errorf("seat pod %s: %w", pod.Name, err)
	}
	copied := t.infos[node].Snapshot()
	copied.AddPodInfo(info)
	t.infos[node] = copied
	t.seated = append(t.seated, seated{info: info, node: node})
	return name, "", nil
}

// search returns the best node for pod; -1 and the reason when there is none.
func (t *trial) search(ctx context.Context, pod *corev1.Pod, kind *template) (int, string, error) {
	t.prepare(ctx, pod, kind)
	if !kind.status.IsSuccess() {
		return -1, kind.status.Message(), rejectionOf(kind.status)
	}
	var fitting []int
	misfits := framework.NewDefaultNodeToStatus()
	for i, info := range t.infos {
		if !kind.only.AllNodes() && !kind.only.NodeNames.Has(info.Node().Name) {
			continue
		}
		status := kind.never[i]
		if status == nil {
			status = t.filter(ctx, pod, kind, i)
		}
		if status.IsSuccess() {
			if fitting = append(fitting, i); len(fitting) == enoughNodes {
				break
			}
			continue
		}
		if err := rejectionOf(status); err != nil {
			return -1, "", err
		}
		misfits.Set(info.Node().Name, status)
	}
	if len(fitting) == 0 {
		return -1, summary(pod, len(t.infos), misfits), nil
	}
	best, err := t.best(ctx, pod, kind, fitting)
	return best, "", err
}

// prepare runs the PreFilter plugins for the first of a kind and tells them of the pods that are gone and of the members
// seated since.
func (t *trial) prepare(ctx context.Context, pod *corev1.Pod, kind *template) {
	if kind.state == nil {
		kind.state, kind.only, kind.status = t.g.prefilter(ctx, pod)
		kind.never = make([]*framework.Status, len(t.infos))
		if kind.status.IsSuccess() {
			kind.status = t.of.forgetGone(ctx, kind.state, pod)
		}
	}
	for _, other := range t.seated[kind.told:] {
		if !kind.status.IsSuccess() {
			break
		}
		kind.status = t.g.fwk.RunPreFilterExtensionAddPod(ctx, kind.state, pod, other.info, t.infos[other.node])
	}
	kind.told = len(t.seated)
}

// filter runs the Filter plugins for pod on one node.
func (t *trial) filter(ctx context.Context, pod *corev1.Pod, kind *template, node int) *framework.Status {
	info := t.infos[node]
	if kind.state.SkipFilterPlugins.Has(names.InterPodAffinity) && t.isShunned(ctx, pod, info.Node()) {
		return framework.NewStatus(framework.Unschedulable, "node(s) didn't satisfy the anti-affinity rules of another member")
	}
	status := t.g.fwk.RunFilterPluginsWithNominatedPods(ctx, kind.state, pod, info)
	t.kept = t.kept || (status.IsRejected() && status.Plugin() == Name)
	if status.IsRejected() && (asksNode.Has(status.Plugin()) || asksRoom.Has(status.Plugin())) {
		kind.never[node] = status // more members leave no more room
	}
	return status
}

// best returns the fitting node with the highest score, the first one of equals.
func (t *trial) best(ctx context.Context, pod *corev1.Pod, kind *template, fitting []int) (int, error) {
	if len(fitting) == 1 {
		return fitting[0], nil
	}
	infos := make([]*framework.NodeInfo, len(fitting))
	for i, node := range fitting {
		infos[i] = t.infos[node]
	}
	if status := t.g.fwk.RunPreScorePlugins(ctx, kind.state, pod, infos); !status.IsSuccess() {
		return -1, status.AsError()
	}
	scores, status := t.g.fwk.RunScorePlugins(ctx, kind.state, pod, infos)
	if !status.IsSuccess() {
		return -1, status.AsError()
	}
	best := 0
	for i := range scores {
		if scores[i].TotalScore > scores[best].TotalScore {
			best = i
		}
	}
	return fitting[best], nil
}
