// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	corev1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/room"
	"github.com/muster-batch/muster/plugins/soletenant"
)

// roles are the members of a gang that must be seated, sorted by what a forecast can tell apart: requests, and the nodes
// that let them in. Rules about other pods it cannot foresee.
type roles struct {
	list  []role
	names []corev1.ResourceName // what the members ask for, in the order of all amounts
}

// role is a number of members that are alike.
type role struct {
	count    int
	member   *corev1.Pod
	use      *framework.Resource
	affinity nodeaffinity.RequiredNodeAffinity
}

// maxRoles bounds the roles in one gang for which room is kept.
const maxRoles = 32

// rolesOf sorts the members; false when they are too different to plan ahead for.
func rolesOf(members []*corev1.Pod) (*roles, bool) {
	sets := kin(members, fitAlike)
	if len(sets) > maxRoles {
		return nil, false
	}
	r := &roles{names: []corev1.ResourceName{
		corev1.ResourcePods, corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage,
	}}
	var asked framework.Resource
	for _, set := range sets {
		use := requestOf(set[0])
		add(&asked, use)
		r.list = append(r.list, role{count: len(set), member: set[0], use: use, affinity: nodeaffinity.GetRequiredNodeAffinity(set[0])})
	}
	for name := range asked.ScalarResources {
		r.names = append(r.names, name)
	}
	return r, true
}

// counts is the gang as package room knows it.
func (r *roles) counts() []room.Group {
	groups := make([]room.Group, len(r.list))
	for i := range r.list {
		groups[i] = room.Group{Count: r.list[i].count, Uses: r.amounts(r.list[i].use)}
	}
	return groups
}

// amounts are those of a resource that the members ask for.
func (r *roles) amounts(of *framework.Resource) []int64 {
	list := make([]int64, len(r.names))
	for i, name := range r.names {
		list[i] = amountOf(of, name)
	}
	return list
}

// admittedBy reports which kinds the node's labels and taints let in, and whether it is any.
func (r *roles) admittedBy(node *corev1.Node) (may []bool, isAny bool) {
	may = make([]bool, len(r.list))
	for i := range r.list {
		match, err := r.list[i].affinity.Match(node)
		may[i] = err == nil && match && !node.Spec.Unschedulable && tolerates(r.list[i].member, node) &&
			!soletenant.IsTaken(node, r.list[i].member.UID)
		isAny = isAny || may[i]
	}
	return may, isAny
}

// tolerates reports whether no taint of the node keeps pod off it.
func tolerates(pod *corev1.Pod, node *corev1.Node) bool {
	_, untolerated := corev1helpers.FindMatchingUntoleratedTaint(node.Spec.Taints, pod.Spec.Tolerations, func(t *corev1.Taint) bool {
		return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
	})
	return !untolerated
}
