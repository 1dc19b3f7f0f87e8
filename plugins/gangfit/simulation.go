// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/gang"
)

// enoughNodes is how many fitting nodes are scored for one member. It is the scheduler's own minimum.
const enoughNodes = 100

// simulation seats a gang's members one after the other on a copy of the snapshot that the current cycle works on. Every
// PreFilter, Filter and Score plugin of the profile is asked for each, as in the member's own cycle, with the members
// seated before it in place.
type simulation struct {
	g      *GangFit
	infos  []*framework.NodeInfo // the snapshot's, except that a node with a seat, or that was vacated, is a copy
	seated []seated
	gone   []seated   // pods of the snapshot that are taken to have ended
	misfit *footprint // of the latest member that fits nowhere
	repels bool       // some pod has a required anti-affinity, so where a pod fits depends on its labels
}

type seated struct {
	info *framework.PodInfo
	node int // index into infos
}

func newSimulation(g *GangFit) (*simulation, error) {
	lister := g.fwk.SnapshotSharedLister().NodeInfos()
	infos, err := lister.List()
	if err != nil {
		return nil, fmt.Errorf("list the snapshot's nodes: %w", err)
	}
	repelling, err := lister.HavePodsWithRequiredAntiAffinityList()
	if err != nil {
		return nil, fmt.Errorf("list the snapshot's nodes: %w", err)
	}
	return &simulation{g: g, infos: slices.Clone(infos), repels: len(repelling) > 0}, nil
}

// simulatedKey marks the cycle states of a simulation, in which PreFilter has nothing to do.
const simulatedKey framework.StateKey = Name + "/simulated"

type mark struct{}

// Clone returns the mark.
func (m mark) Clone() framework.StateData { return m }

func isSimulated(state *framework.CycleState) bool {
	_, err := state.Read(simulatedKey)
	return err == nil
}

// fill seats the members of a draft on the current snapshot: the one seam between a gang's plan and how it is found. It
// returns the seats, or the reason why the gang does not fit.
func (g *GangFit) fill(ctx context.Context, draft *gang.Draft) (seats map[types.UID]string, reason string, err error) {
	sim, err := newSimulation(g)
	if err != nil {
		return nil, "", err
	}
	return sim.fill(ctx, draft)
}

// fill seats the members of a draft as the simulation stands.
func (s *simulation) fill(ctx context.Context, draft *gang.Draft) (seats map[types.UID]string, reason string, err error) {
	if want := lacking(draft.Needs, s.infos); want != "" {
		return nil, draft.Key.Reason("its minResources ask for %s", want), nil
	}
	return draft.Fill(s.seat(ctx))
}

// hasAny reports whether the snapshot still has one of the pods on the node that it left.
func (g *GangFit) hasAny(left map[types.UID]string) bool {
	for uid, node := range left {
		info, err := g.fwk.SnapshotSharedLister().NodeInfos().Get(node)
		if err != nil {
			continue
		}
		if slices.ContainsFunc(info.Pods, func(p *framework.PodInfo) bool { return p.Pod.UID == uid }) {
			return true
		}
	}
	return false
}

// seat returns the function that fills a draft.
func (s *simulation) seat(ctx context.Context) gang.Seat {
	return func(pod *corev1.Pod) (string, string, error) {
		mine := footprintOf(pod)
		if !s.repels && s.misfit.covers(mine) {
			return "", "as the member before", nil
		}
		best, why, err := s.search(ctx, pod)
		if err != nil {
			return "", "", err
		}
		if best < 0 {
			s.misfit = mine
			return "", why, nil
		}
		return s.take(pod, best)
	}
}

// take puts pod on a node of the simulation.
func (s *simulation) take(pod *corev1.Pod, node int) (string, string, error) {
	name := s.infos[node].Node().Name
	placed := *pod
	placed.Spec.NodeName = name
	info, err := framework.NewPodInfo(&placed)
	if err != nil {
		return "", "", fmt.Errorf("seat pod %s: %w", pod.Name, err)
	}
	copied := s.infos[node].Snapshot()
	copied.AddPodInfo(info)
	s.infos[node] = copied
	s.seated = append(s.seated, seated{info: info, node: node})
	s.repels = s.repels || len(info.RequiredAntiAffinityTerms) > 0
	return name, "", nil
}

// search returns the best node for pod; -1 and the reason when there is none.
func (s *simulation) search(ctx context.Context, pod *corev1.Pod) (int, string, error) {
	state, only, status := s.prepare(ctx, pod)
	if !status.IsSuccess() {
		return -1, status.Message(), rejectionOf(status)
	}
	var fitting []int
	misfits := framework.NewDefaultNodeToStatus()
	for i, info := range s.infos {
		if !only.AllNodes() && !only.NodeNames.Has(info.Node().Name) {
			continue
		}
		status := s.filter(ctx, state, pod, info)
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
		return -1, s.summary(pod, misfits), nil
	}
	best, err := s.best(ctx, state, pod, fitting)
	return best, "", err
}

// summary counts the reasons why pod fits nowhere, in the scheduler's own words.
func (s *simulation) summary(pod *corev1.Pod, misfits *framework.NodeToStatus) string {
	all := &framework.FitError{Pod: pod, NumAllNodes: len(s.infos), Diagnosis: framework.Diagnosis{NodeToStatus: misfits}}
	none := fmt.Sprintf(framework.NoNodeAvailableMsg+": ", len(s.infos))
	return strings.TrimSuffix(strings.TrimPrefix(all.Error(), none), ".")
}

// misfit says why pod does not fit on one node of the snapshot; empty when it does.
func (g *GangFit) misfit(ctx context.Context, pod *corev1.Pod, node string) (string, error) {
	info, err := g.fwk.SnapshotSharedLister().NodeInfos().Get(node)
	if err != nil {
		return "node " + node + " is gone", nil //nolint:nilerr // the snapshot has no such node: that is the answer
	}
	s := &simulation{g: g}
	state, only, status := s.prepare(ctx, pod)
	if status.IsSuccess() && !only.AllNodes() && !only.NodeNames.Has(node) {
		return "node " + node + " is no longer eligible", nil
	}
	if status.IsSuccess() {
		status = s.filter(ctx, state, pod, info)
	}
	return status.Message(), rejectionOf(status)
}

// prepare runs the PreFilter plugins for pod and tells them of the pods that are gone and the members seated before it.
func (s *simulation) prepare(ctx context.Context, pod *corev1.Pod) (*framework.CycleState, *framework.PreFilterResult, *framework.Status) {
	state := framework.NewCycleState()
	state.Write(simulatedKey, mark{})
	only, status, _ := s.g.fwk.RunPreFilterPlugins(ctx, state, pod)
	if status.IsSuccess() && (s.repels || footprintOf(pod) == nil) { // else no plugin cares who else is on a node
		status = s.forgetGone(ctx, state, pod)
	}
	for _, other := range s.seated {
		if !status.IsSuccess() {
			break
		}
		status = s.g.fwk.RunPreFilterExtensionAddPod(ctx, state, pod, other.info, s.infos[other.node])
	}
	return state, only, status
}

// filter runs the Filter plugins for pod on one node.
func (s *simulation) filter(ctx context.Context, state *framework.CycleState, pod *corev1.Pod, info *framework.NodeInfo) *framework.Status {
	if s.isShunned(ctx, pod, info.Node()) {
		return framework.NewStatus(framework.Unschedulable, "node(s) didn't satisfy the anti-affinity rules of another member")
	}
	return s.g.fwk.RunFilterPluginsWithNominatedPods(ctx, state, pod, info)
}

// best returns the fitting node with the highest score, the first one of equals.
func (s *simulation) best(ctx context.Context, state *framework.CycleState, pod *corev1.Pod, fitting []int) (int, error) {
	if len(fitting) == 1 {
		return fitting[0], nil
	}
	infos := make([]*framework.NodeInfo, len(fitting))
	for i, node := range fitting {
		infos[i] = s.infos[node]
	}
	if status := s.g.fwk.RunPreScorePlugins(ctx, state, pod, infos); !status.IsSuccess() {
		return -1, status.AsError()
	}
	scores, status := s.g.fwk.RunScorePlugins(ctx, state, pod, infos)
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

// rejectionOf returns the error of a status that is neither success nor a plugin's rejection.
func rejectionOf(status *framework.Status) error {
	if status.IsSuccess() || status.IsRejected() {
		return nil
	}
	return status.AsError()
}
