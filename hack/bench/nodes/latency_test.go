// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSightings(t *testing.T) {
	t.Parallel()
	node := func(status corev1.ConditionStatus, taints ...corev1.Taint) *corev1.Node {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "node"}, Spec: corev1.NodeSpec{Taints: taints},
			Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status}}},
		}
	}
	notReady := corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}
	pod := &corev1.Pod{Spec: corev1.PodSpec{NodeName: "node"}}
	cases := map[string]struct {
		seen        []any // one a second
		ready, open []time.Duration
	}{
		"a node that opens after it is ready": {
			seen:  []any{node(corev1.ConditionFalse, notReady), node(corev1.ConditionTrue, notReady), node(corev1.ConditionTrue), &corev1.Pod{}, pod, pod},
			ready: []time.Duration{3 * time.Second}, open: []time.Duration{2 * time.Second},
		},
		"a pod that is seen before its node": {
			seen:  []any{pod, node(corev1.ConditionTrue)},
			ready: []time.Duration{0}, open: []time.Duration{0},
		},
		"a node without a pod": {seen: []any{node(corev1.ConditionTrue)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSightings()
				for _, o := range tc.seen {
					s.see(o)
					time.Sleep(time.Second)
				}
				if diff := cmp.Diff(tc.ready, s.since(s.ready)); diff != "" {
					t.Errorf("since ready (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tc.open, s.since(s.open)); diff != "" {
					t.Errorf("since open (-want +got):\n%s", diff)
				}
			})
		})
	}
}
