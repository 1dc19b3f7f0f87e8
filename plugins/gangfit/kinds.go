// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/plugins/room"
)

// kinds are the members of a gang that must be seated, sorted by what a forecast can tell apart: requests, and the nodes
// that let them in. Rules about other pods it cannot foresee.
type kinds struct {
	list  []kind
	names []corev1.ResourceName // what the members ask for, in the order of all amounts
}

// kind is a number of members that are alike.
type kind struct {
	count    int
	member   *corev1.Pod
	use      *framework.Resource
	affinity nodeaffinity.RequiredNodeAffinity
}

// maxKinds bounds the kinds of members of one gang for which room is kept.
const maxKinds = 32

// kindsOf sorts the members; false when they are of too many kinds to plan ahead for.
func kindsOf(members []*corev1.Pod) (*kinds, bool) {
	k := &kinds{}
	for _, pod := range members {
		if i := slices.IndexFunc(k.list, func(k kind) bool { return k.has(pod) }); i >= 0 {
			k.list[i].count++
			continue
		}
		if len(k.list) == maxKinds {
			return nil, false
		}
		k.list = append(k.list, kind{count: 1, member: pod, use: requestOf(pod), affinity: nodeaffinity.GetRequiredNodeAffinity(pod)})
	}
	k.names = []corev1.ResourceName{corev1.ResourcePods, corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}
	var asked framework.Resource
	for i := range k.list {
		add(&asked, k.list[i].use)
	}
	for name := range asked.ScalarResources {
		k.names = append(k.names, name)
	}
	return k, len(k.list) > 0
}

// has reports whether pod is of this kind.
func (k *kind) has(pod *corev1.Pod) bool {
	mine, other := &k.member.Spec, &pod.Spec
	return equality.Semantic.DeepEqual(mine.NodeSelector, other.NodeSelector) &&
		equality.Semantic.DeepEqual(mine.Tolerations, other.Tolerations) &&
		equality.Semantic.DeepEqual(nodeAffinityOf(mine), nodeAffinityOf(other)) &&
		equality.Semantic.DeepEqual(k.use, requestOf(pod))
}

func nodeAffinityOf(spec *corev1.PodSpec) *corev1.NodeAffinity {
	if spec.Affinity == nil {
		return nil
	}
	return spec.Affinity.NodeAffinity
}

// counts is the gang as package room knows it.
func (k *kinds) counts() []room.Group {
	groups := make([]room.Group, len(k.list))
	for i := range k.list {
		groups[i] = room.Group{Count: k.list[i].count, Uses: k.amounts(k.list[i].use)}
	}
	return groups
}

// amounts are those of a resource that the members ask for.
func (k *kinds) amounts(r *framework.Resource) []int64 {
	list := make([]int64, len(k.names))
	for i, name := range k.names {
		list[i] = amountOf(r, name)
	}
	return list
}

// admittedBy reports which kinds the node's labels and taints let in, and whether it is any.
func (k *kinds) admittedBy(node *corev1.Node) (may []bool, isAny bool) {
	may = make([]bool, len(k.list))
	for i := range k.list {
		match, err := k.list[i].affinity.Match(node)
		may[i] = err == nil && match && !node.Spec.Unschedulable && tolerates(k.list[i].member, node)
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
