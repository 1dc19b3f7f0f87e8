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

// simulation is the snapshot that the current cycle works on, or what it would be if some pods had ended, and seats gangs
// there.
type simulation struct {
	g     *GangFit
	infos []*framework.NodeInfo // the snapshot's, except that a node that was vacated is a copy
	gone  []seated              // pods of the snapshot that are taken to have ended
}

func newSimulation(g *GangFit) (*simulation, error) {
	infos, err := g.fwk.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return nil, fmt.Errorf("list the snapshot's nodes: %w", err)
	}
	return &simulation{g: g, infos: slices.Clone(infos)}, nil
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

// fill seats the members of a draft as the simulation stands. They are counted where that is enough, else tried one by
// one.
func (s *simulation) fill(ctx context.Context, draft *gang.Draft) (seats map[types.UID]string, reason string, err error) {
	if want := lacking(draft.Needs, s.infos); want != "" {
		return nil, draft.Key.Reason("its minResources ask for %s", want), nil
	}
	if words := s.objection(draft); words != "" {
		return nil, draft.Refuse(gang.Shortfall{Words: words}), nil
	}
	s.g.memory.mu.Lock()
	defer s.g.memory.mu.Unlock()
	t, err := s.tally(ctx, draft)
	switch {
	case err != nil:
		return nil, "", err
	case t == nil:
		return s.oneByOne(ctx, draft)
	}
	seats, reason = t.fill()
	return seats, reason, nil
}

// objection says why nobody can be seated in one domain of the required topology, whatever room there is; empty if nothing
// is in the way. While the node of a member that was placed before is not there, nobody knows which domain that is.
func (s *simulation) objection(draft *gang.Draft) string {
	key := draft.Spec.RequiredTopology
	switch {
	case key == "":
		return ""
	case !anyHas(s.infos, key):
		return "they must share one value of the node label " + key + ", which no node has"
	}
	for _, name := range draft.Placed {
		if _, err := s.g.fwk.SnapshotSharedLister().NodeInfos().Get(name); err != nil {
			return "they must share one value of the node label " + key + ", and node " + name + ", where one of them is, is gone"
		}
	}
	return ""
}

func anyHas(infos []*framework.NodeInfo, key string) bool {
	return slices.ContainsFunc(infos, func(info *framework.NodeInfo) bool {
		_, ok := info.Node().Labels[key]
		return ok
	})
}

// prefilter runs the PreFilter plugins for a pod that is only tried.
func (g *GangFit) prefilter(ctx context.Context, pod *corev1.Pod) (*framework.CycleState, *framework.PreFilterResult, *framework.Status) {
	state := framework.NewCycleState()
	state.Write(simulatedKey, mark{})
	only, status, _ := g.fwk.RunPreFilterPlugins(ctx, state, pod)
	return state, only, status
}

// simulatedKey marks the cycle states of pods that are only tried, whose PreFilter makes no plan.
const simulatedKey framework.StateKey = Name + "/simulated"

type mark struct{}

// Clone returns the mark.
func (m mark) Clone() framework.StateData { return m }

func isSimulated(state *framework.CycleState) bool {
	_, err := state.Read(simulatedKey)
	return err == nil
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

// summary counts the reasons why pod fits on none of so many nodes, in the scheduler's own words.
func summary(pod *corev1.Pod, nodes int, misfits *framework.NodeToStatus) string {
	all := &framework.FitError{Pod: pod, NumAllNodes: nodes, Diagnosis: framework.Diagnosis{NodeToStatus: misfits}}
	none := fmt.Sprintf(framework.NoNodeAvailableMsg+": ", nodes)
	return strings.TrimSuffix(strings.TrimPrefix(all.Error(), none), ".")
}

// rejectionOf returns the error of a status that is neither success nor a plugin's rejection.
func rejectionOf(status *framework.Status) error {
	if status.IsSuccess() || status.IsRejected() {
		return nil
	}
	return status.AsError()
}
