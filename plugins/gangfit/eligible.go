// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/muster-batch/muster/plugins/soletenant"
)

// Whether a pod fits on a node is, for these Filter plugins, a matter of the node's object alone, or of what is free there.
// Any other one that has a say in a member's fit makes the gang's plan go member by member.
var (
	asksNode = sets.New(names.NodeUnschedulable, names.NodeName, names.TaintToleration, names.NodeAffinity)
	asksRoom = sets.New(names.NodeResourcesFit, names.NodePorts, soletenant.Name, Name)
)

// memory is what plans remember of each other: what depends on node objects alone is worked out again only for the nodes
// that changed. Its lock is held while a plan counts.
type memory struct {
	mu         sync.Mutex
	filters    []string                     // the profile's Filter plugins
	eligible   []*eligibility               // the one used last comes first
	topologies []*topology                  // likewise
	ignored    map[corev1.ResourceName]bool // resources that the profile's filters do not look at
}

const (
	keepEligible   = 32
	keepTopologies = 8
)

func newMemory() *memory { return &memory{ignored: map[corev1.ResourceName]bool{}} }

// first returns the element for which is holds, moved to the front, or a new one there. At most limit are kept.
func first[T any](list []*T, limit int, is func(*T) bool, fresh func() *T) []*T {
	i := slices.IndexFunc(list, is)
	if i == 0 {
		return list
	}
	var found *T
	if i > 0 {
		found = list[i]
		list = slices.Delete(list, i, i+1)
	} else {
		found = fresh()
		list = list[:min(len(list), limit-1)]
	}
	return slices.Insert(list, 0, found)
}

// eligibility says which nodes' labels and taints let the pods of one kind in.
type eligibility struct {
	spec     *corev1.PodSpec // any pod's of this kind
	liking   *nodeaffinity.PreferredSchedulingTerms
	nodes    []*corev1.Node // whom the verdicts are of, by index
	verdicts []verdict
}

// verdict is what a node's object means to a pod.
type verdict struct {
	status   *framework.Status // why the node is not eligible; nil when it is
	unwanted int               // how many of its taints the pod had better not be among
	liking   int64             // the weight of the preferences that it meets
}

// eligibleFor returns the verdicts on the nodes for a pod, whose PreFilter state is given.
func (g *GangFit) eligibleFor(ctx context.Context, state *framework.CycleState, pod *corev1.Pod, infos []*framework.NodeInfo) []verdict {
	m := g.memory
	m.eligible = first(m.eligible, keepEligible,
		func(e *eligibility) bool { return eligibleAlike(e.spec, &pod.Spec) },
		func() *eligibility { return newEligibility(&pod.Spec) })
	e := m.eligible[0]
	var stale []int
	e.nodes, stale = staleNodes(e.nodes, infos)
	e.verdicts = slices.Grow(e.verdicts[:min(len(e.verdicts), len(infos))], len(infos))[:len(infos)]
	objects := state.Clone()
	objects.SkipFilterPlugins = state.SkipFilterPlugins.Union(asksRoom)
	g.fwk.Parallelizer().Until(ctx, len(stale), func(i int) {
		info := infos[stale[i]]
		e.verdicts[stale[i]] = e.judge(info.Node(), g.fwk.RunFilterPlugins(ctx, objects, pod, info))
	}, Name)
	if ctx.Err() != nil { // some may have been left out
		e.nodes = nil
	}
	return e.verdicts
}

func newEligibility(spec *corev1.PodSpec) *eligibility {
	e := &eligibility{spec: spec}
	if a := nodeAffinityOf(spec); a != nil && len(a.PreferredDuringSchedulingIgnoredDuringExecution) > 0 {
		if terms, err := nodeaffinity.NewPreferredSchedulingTerms(a.PreferredDuringSchedulingIgnoredDuringExecution); err == nil {
			e.liking = terms // a malformed one is no preference
		}
	}
	return e
}

func (e *eligibility) judge(node *corev1.Node, status *framework.Status) verdict {
	v := verdict{status: status}
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if taint.Effect == corev1.TaintEffectPreferNoSchedule && !corev1helpers.TolerationsTolerateTaint(e.spec.Tolerations, taint) {
			v.unwanted++
		}
	}
	if e.liking != nil {
		v.liking = e.liking.Score(node)
	}
	return v
}

// staleNodes returns the snapshot's nodes, and the indexes at which they are not those of before. A node's object is never
// changed: a new one takes its place.
func staleNodes(before []*corev1.Node, infos []*framework.NodeInfo) (now []*corev1.Node, stale []int) {
	now = slices.Grow(before[:min(len(before), len(infos))], len(infos))
	for i, info := range infos {
		if i == len(now) {
			now = append(now, nil)
		}
		if node := info.Node(); now[i] != node {
			now[i] = node
			stale = append(stale, i)
		}
	}
	return now, stale
}

// decidesByCounting reports whether only filters that counting can stand in for have a say for a pod of that state.
func (g *GangFit) decidesByCounting(state *framework.CycleState) bool {
	m := g.memory
	if m.filters == nil {
		for _, plugin := range g.fwk.ListPlugins().Filter.Enabled {
			m.filters = append(m.filters, plugin.Name)
		}
	}
	fit := false
	for _, name := range m.filters {
		fit = fit || name == names.NodeResourcesFit
		if !asksNode.Has(name) && !asksRoom.Has(name) && !state.SkipFilterPlugins.Has(name) {
			return false
		}
	}
	return fit
}

// ignores reports whether the profile lets pods ask for more of an extended resource than nodes have, as it does for what
// an extender sees to.
func (g *GangFit) ignores(ctx context.Context, name corev1.ResourceName) bool {
	m := g.memory
	known, ok := m.ignored[name]
	if ok {
		return known
	}
	one := corev1.ResourceList{name: resource.MustParse("1")}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: one}}}}}
	info := framework.NewNodeInfo()
	info.SetNode(&corev1.Node{Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}}})
	state, _, status := g.prefilter(ctx, pod)
	state.SkipFilterPlugins = sets.New(m.filters...).Delete(names.NodeResourcesFit)
	m.ignored[name] = status.IsSuccess() && g.fwk.RunFilterPlugins(ctx, state, pod, info).IsSuccess()
	return m.ignored[name]
}
