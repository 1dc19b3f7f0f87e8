// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
)

// footprint is what decides where a pod fits, for pods whose fit only gets harder as other members are seated and does not
// depend on which pods are near.
type footprint struct {
	Requests     corev1.ResourceList
	NodeSelector map[string]string
	NodeAffinity *corev1.NodeAffinity
	Tolerations  []corev1.Toleration
	Ports        []corev1.ContainerPort
}

// footprintOf returns pod's footprint; nil for a pod whose fit depends on more than that.
func footprintOf(pod *corev1.Pod) *footprint {
	spec := &pod.Spec
	if len(spec.TopologySpreadConstraints) > 0 || len(spec.ResourceClaims) > 0 || usesStorage(pod) {
		return nil
	}
	f := &footprint{
		Requests:     resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}),
		NodeSelector: spec.NodeSelector,
		Tolerations:  spec.Tolerations,
	}
	if a := spec.Affinity; a != nil {
		if a.PodAffinity != nil || a.PodAntiAffinity != nil {
			return nil
		}
		f.NodeAffinity = a.NodeAffinity
	}
	for i := range spec.Containers {
		f.Ports = append(f.Ports, spec.Containers[i].Ports...)
	}
	return f
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

// covers reports whether a pod of footprint other fits nowhere if one of footprint f does not. It errs towards no.
func (f *footprint) covers(other *footprint) bool {
	return f != nil && other != nil && equality.Semantic.DeepEqual(f, other)
}

// isShunned reports whether a member seated before has a required anti-affinity against pod that covers node. The
// snapshot's own pods are the InterPodAffinity plugin's business; but that plugin drops out when neither they nor pod has
// such a term, and then does not hear of the seats.
func (s *simulation) isShunned(ctx context.Context, pod *corev1.Pod, node *corev1.Node) bool {
	var namespace labels.Set
	for _, other := range s.seated {
		for i := range other.info.RequiredAntiAffinityTerms {
			if namespace == nil {
				namespace = interpodaffinity.GetNamespaceLabelsSnapshot(klog.FromContext(ctx), pod.Namespace, s.g.namespaces)
			}
			term := &other.info.RequiredAntiAffinityTerms[i]
			if term.Matches(pod, namespace) && sameDomain(term, s.infos[other.node].Node(), node) {
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
