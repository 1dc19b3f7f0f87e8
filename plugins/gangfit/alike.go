// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kubernetes/pkg/scheduler/util"
)

// kin returns the members in sets that are alike, each in the members' order; the sets in the order of their first ones.
func kin(members []*corev1.Pod, alike func(a, b *corev1.Pod) bool) [][]*corev1.Pod {
	var all [][]*corev1.Pod
	for _, pod := range members {
		i := slices.IndexFunc(all, func(set []*corev1.Pod) bool { return alike(set[0], pod) })
		if i < 0 {
			i = len(all)
			all = append(all, nil)
		}
		all[i] = append(all[i], pod)
	}
	return all
}

// fitAlike reports whether two pods fit on the same nodes as far as the nodes themselves and what they have decide. It
// errs towards no.
func fitAlike(a, b *corev1.Pod) bool {
	return eligibleAlike(&a.Spec, &b.Spec) && requestAlike(&a.Spec, &b.Spec) && samePointee(a.Spec.Priority, b.Spec.Priority) &&
		slices.EqualFunc(util.GetHostPorts(a), util.GetHostPorts(b), func(x, y corev1.ContainerPort) bool {
			return x.HostPort == y.HostPort && x.HostIP == y.HostIP && x.Protocol == y.Protocol
		})
}

// eligibleAlike reports whether labels and taints of nodes mean the same to pods of both specs.
func eligibleAlike(a, b *corev1.PodSpec) bool {
	return maps.Equal(a.NodeSelector, b.NodeSelector) &&
		slices.EqualFunc(a.Tolerations, b.Tolerations, func(x, y corev1.Toleration) bool { return x.MatchToleration(&y) }) &&
		affinityAlike(nodeAffinityOf(a), nodeAffinityOf(b))
}

func nodeAffinityOf(spec *corev1.PodSpec) *corev1.NodeAffinity {
	if spec.Affinity == nil {
		return nil
	}
	return spec.Affinity.NodeAffinity
}

func affinityAlike(a, b *corev1.NodeAffinity) bool {
	return a == b || (a != nil && b != nil && equality.Semantic.DeepEqual(a, b))
}

// requestAlike reports whether pods of both specs take the same of a node.
func requestAlike(a, b *corev1.PodSpec) bool {
	return slices.EqualFunc(a.Containers, b.Containers, containerAlike) &&
		slices.EqualFunc(a.InitContainers, b.InitContainers, containerAlike) &&
		listAlike(a.Overhead, b.Overhead) && (a.Resources == nil) == (b.Resources == nil) &&
		(a.Resources == nil || listAlike(a.Resources.Requests, b.Resources.Requests))
}

func containerAlike(a, b corev1.Container) bool {
	return listAlike(a.Resources.Requests, b.Resources.Requests) && samePointee(a.RestartPolicy, b.RestartPolicy)
}

func listAlike(a, b corev1.ResourceList) bool {
	if len(a) != len(b) {
		return false
	}
	for name, x := range a {
		if y, ok := b[name]; !ok || x.Cmp(y) != 0 {
			return false
		}
	}
	return true
}

func samePointee[T comparable](a, b *T) bool { return a == b || (a != nil && b != nil && *a == *b) }

// templateAlike returns a function that reports whether two of a gang's members are alike in everything that any plugin
// looks at. Of their labels those count that the members' own constraints look at, or all if others' may.
func templateAlike(members []*corev1.Pod, allLabels bool) func(a, b *corev1.Pod) bool {
	keys := sets.New[string]()
	for _, set := range kin(members, specAlike) {
		addSelectedKeys(keys, &set[0].Spec)
	}
	return func(a, b *corev1.Pod) bool {
		if !specAlike(a, b) || len(a.Spec.ResourceClaims) > 0 { // a claim made from a template is each pod's own
			return false
		}
		if allLabels {
			return maps.Equal(a.Labels, b.Labels)
		}
		for key := range keys {
			x, hasX := a.Labels[key]
			if y, hasY := b.Labels[key]; hasX != hasY || x != y {
				return false
			}
		}
		return true
	}
}

func specAlike(a, b *corev1.Pod) bool {
	return fitAlike(a, b) && equality.Semantic.DeepEqual(a.Spec.Affinity, b.Spec.Affinity) &&
		equality.Semantic.DeepEqual(a.Spec.TopologySpreadConstraints, b.Spec.TopologySpreadConstraints) &&
		equality.Semantic.DeepEqual(a.Spec.Volumes, b.Spec.Volumes)
}

// addSelectedKeys adds the label keys that a pod's constraints on other pods look at.
func addSelectedKeys(keys sets.Set[string], spec *corev1.PodSpec) {
	for i := range spec.TopologySpreadConstraints {
		c := &spec.TopologySpreadConstraints[i]
		addSelector(keys, c.LabelSelector, c.MatchLabelKeys)
	}
	for _, term := range podTermsOf(spec.Affinity) {
		addSelector(keys, term.LabelSelector, slices.Concat(term.MatchLabelKeys, term.MismatchLabelKeys))
	}
}

func addSelector(keys sets.Set[string], selector *metav1.LabelSelector, more []string) {
	keys.Insert(more...)
	if selector == nil {
		return
	}
	keys.Insert(slices.Collect(maps.Keys(selector.MatchLabels))...)
	for i := range selector.MatchExpressions {
		keys.Insert(selector.MatchExpressions[i].Key)
	}
}

// podTermsOf returns all terms on other pods, for and against, required and preferred.
func podTermsOf(affinity *corev1.Affinity) []corev1.PodAffinityTerm {
	var terms []corev1.PodAffinityTerm
	prefer := func(weighted []corev1.WeightedPodAffinityTerm) {
		for i := range weighted {
			terms = append(terms, weighted[i].PodAffinityTerm)
		}
	}
	if affinity == nil {
		return nil
	}
	if a := affinity.PodAffinity; a != nil {
		terms = append(terms, a.RequiredDuringSchedulingIgnoredDuringExecution...)
		prefer(a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a := affinity.PodAntiAffinity; a != nil {
		terms = append(terms, a.RequiredDuringSchedulingIgnoredDuringExecution...)
		prefer(a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return terms
}

// usesStorage reports whether pod has a volume that some node or other pod may stand in the way of.
func usesStorage(pod *corev1.Pod) bool {
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i].VolumeSource
		if v.EmptyDir == nil && v.ConfigMap == nil && v.Secret == nil && v.Projected == nil && v.DownwardAPI == nil && v.HostPath == nil {
			return true
		}
	}
	return false
}
