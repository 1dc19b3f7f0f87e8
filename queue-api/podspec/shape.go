// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// shape is what decides which nodes a pod fits and how many fit on one. Pods with equal shapes are interchangeable to the
// autoscaler, so what belongs to one job alone (name, image, environment) stays out, and so does the namespace, unless a
// volume claim ties the pod to it.
type shape struct {
	Requests     map[corev1.ResourceName]resource.Quantity
	NodeSelector map[string]string
	Tolerations  []corev1.Toleration
	Affinity     *corev1.Affinity
	HostPorts    []corev1.ContainerPort
	Claims       []string
}

func shapeOf(spec *corev1.PodSpec, namespace string) (string, error) {
	s := shape{
		Requests:     podRequests(spec),
		NodeSelector: spec.NodeSelector,
		Tolerations:  spec.Tolerations,
		Affinity:     spec.Affinity,
	}
	for i := range spec.Containers {
		for _, port := range spec.Containers[i].Ports {
			if spec.HostNetwork || port.HostPort != 0 {
				s.HostPorts = append(s.HostPorts, port)
			}
		}
	}
	for _, v := range spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			s.Claims = append(s.Claims, namespace+"/"+v.PersistentVolumeClaim.ClaimName)
		}
	}
	doc, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("hash shape: %w", err)
	}
	return shortHash(doc), nil
}

// podRequests are what the scheduler counts: the sum of the containers, or the largest init container where that is more.
func podRequests(spec *corev1.PodSpec) map[corev1.ResourceName]resource.Quantity {
	total := map[corev1.ResourceName]resource.Quantity{}
	for i := range spec.Containers {
		for name, q := range spec.Containers[i].Resources.Requests {
			sum := total[name]
			sum.Add(q)
			total[name] = sum
		}
	}
	for i := range spec.InitContainers {
		for name, q := range spec.InitContainers[i].Resources.Requests {
			if most := total[name]; q.Cmp(most) > 0 {
				total[name] = q
			}
		}
	}
	return total
}
