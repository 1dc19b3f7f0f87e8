// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// daemonSet has a pod of 2 CPUs on each node that it tolerates.
func daemonSet(tolerations ...corev1.Toleration) *appsv1.DaemonSet {
	like := pod("d", cpus(2))
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "d", UID: "d"},
		Spec: appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{
			Spec: corev1.PodSpec{Tolerations: tolerations, Containers: like.Spec.Containers},
		}},
	}
}

// Contract 6.1: DaemonSets take their part of a node. One that cannot run on it takes none.
func TestDaemonSetsAreCountedBeforeANodeIsBought(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		give *appsv1.DaemonSet
		want int // nodes for two pods of 1 CPU; a node has 3.92
	}{
		"one that tolerates the taints": {daemonSet(corev1.Toleration{Key: batchmeta.BatchNode, Operator: corev1.TolerationOpExists}), 2},
		"one that tolerates everything": {daemonSet(corev1.Toleration{Operator: corev1.TolerationOpExists}), 2},
		"one that tolerates neither":    {daemonSet(), 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, environment(0, 64))
			if _, err := r.client.AppsV1().DaemonSets("kube-system").Create(t.Context(), tc.give, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			r.arrive(func() error {
				_, err := r.informers.Apps().V1().DaemonSets().Lister().DaemonSets("kube-system").Get("d")
				return err
			})
			r.pods("a", "b")
			r.loops("nodes", func() bool { return r.launched() > 0 })
			r.loop(5)
			if r.launched() != tc.want {
				t.Errorf("%d launched, want %d", r.launched(), tc.want)
			}
		})
	}
}
