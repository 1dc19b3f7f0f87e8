// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
)

// isRepelled reports whether a pod of the snapshot has a required anti-affinity against one of a gang's members. Members
// that are alike otherwise may differ in that, for it looks at their labels.
func (g *GangFit) isRepelled(ctx context.Context, members []*corev1.Pod) (bool, error) {
	infos, err := g.fwk.SnapshotSharedLister().NodeInfos().HavePodsWithRequiredAntiAffinityList()
	if err != nil || len(infos) == 0 {
		return false, err
	}
	namespace := members[0].Namespace
	own := g.labelsOf(ctx, namespace)
	selectors := map[string]labels.Selector{} // many pods have the same
	for _, info := range infos {
		for _, pod := range info.PodsWithRequiredAntiAffinity {
			for i := range pod.RequiredAntiAffinityTerms {
				term := &pod.RequiredAntiAffinityTerms[i]
				if term.Namespaces.Has(namespace) || term.NamespaceSelector.Matches(own) {
					selectors[term.Selector.String()] = term.Selector
				}
			}
		}
	}
	return slices.ContainsFunc(members, func(pod *corev1.Pod) bool {
		for _, selector := range selectors {
			if selector.Matches(labels.Set(pod.Labels)) {
				return true
			}
		}
		return false
	}), nil
}

func (g *GangFit) labelsOf(ctx context.Context, namespace string) labels.Set {
	return interpodaffinity.GetNamespaceLabelsSnapshot(klog.FromContext(ctx), namespace, g.namespaces)
}

// isShunned reports whether a member seated before has a required anti-affinity against pod that covers node. The
// InterPodAffinity plugin drops out when neither pod nor the snapshot's pods have such a term, and then does not hear of
// the seats.
func (t *trial) isShunned(ctx context.Context, pod *corev1.Pod, node *corev1.Node) bool {
	var namespace labels.Set
	for _, other := range t.seated {
		for i := range other.info.RequiredAntiAffinityTerms {
			if namespace == nil {
				namespace = t.g.labelsOf(ctx, pod.Namespace)
			}
			term := &other.info.RequiredAntiAffinityTerms[i]
			if term.Matches(pod, namespace) && sameDomain(term, t.infos[other.node].Node(), node) {
				return true
			}
		}
	}
	return false
}

func sameDomain(term *framework.AffinityTerm, a, b *corev1.Node) bool {
	value, ok := a.Labels[term.TopologyKey]
	if !ok {
		return false
	}
	other, ok := b.Labels[term.TopologyKey]
	return ok && other == value
}
