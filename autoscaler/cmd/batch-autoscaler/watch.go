// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// nodeEvents wakes the loop when a node of ours comes, goes, or changes in a way that matters; heartbeats do not.
func nodeEvents(isOurs func(*corev1.Node) bool, wake func()) cache.ResourceEventHandler {
	one := func(obj any) {
		if n, ok := obj.(*corev1.Node); !ok || isOurs(n) {
			wake()
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    one,
		DeleteFunc: one,
		UpdateFunc: func(before, after any) {
			old, _ := before.(*corev1.Node)
			n, _ := after.(*corev1.Node)
			if old != nil && n != nil && isOurs(n) && differ(old, n) {
				wake()
			}
		},
	}
}

func differ(a, b *corev1.Node) bool {
	return kubeutil.IsNodeReadyAndSchedulable(a) != kubeutil.IsNodeReadyAndSchedulable(b) ||
		!slices.EqualFunc(a.Spec.Taints, b.Spec.Taints, func(x, y corev1.Taint) bool { return x.MatchTaint(&y) })
}

// trim leaves out of the caches what nobody here reads. Nothing that is trimmed is ever written back: pods are not written
// at all, and nodes keep all but their managed fields, which a write may omit.
func trim(obj any) (any, error) {
	if m, ok := obj.(interface {
		SetManagedFields(fields []metav1.ManagedFieldsEntry)
	}); ok {
		m.SetManagedFields(nil)
	}
	if p, ok := obj.(*corev1.Pod); ok {
		delete(p.Annotations, batchmeta.Job)
		trimContainers(p.Spec.Containers)
		trimContainers(p.Spec.InitContainers)
	}
	return obj, nil
}

func trimContainers(containers []corev1.Container) {
	for i := range containers {
		c := &containers[i]
		c.Command, c.Args, c.Env, c.EnvFrom, c.VolumeMounts = nil, nil, nil, nil, nil
	}
}
