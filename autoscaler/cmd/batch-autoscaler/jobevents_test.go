// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// An Event about a job's pod says by its labels which job that is, and one about another object has none.
func TestEventsNameTheJob(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	events := newBroadcaster(t.Context(), client)
	defer events.Shutdown()
	recorder := jobRecorder{events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "batch-autoscaler"})}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "jobs", Name: "p", UID: "u", Labels: map[string]string{
		batchmeta.JobID: "id", batchmeta.Attempt: "2", batchmeta.ComputeEnvironmentUUID: "e", "team": "x",
	}}}
	recorder.Event(pod, corev1.EventTypeWarning, "Refused", "50 % of nothing")
	recorder.Eventf(pod, corev1.EventTypeNormal, "TriggeredScaleUp", "%d nodes", 2)
	recorder.Event(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", UID: "n"}}, corev1.EventTypeNormal, "ScaleDown", "idle")
	want := map[string]map[string]string{"50 % of nothing": batchmeta.EventLabels(pod.Labels), "2 nodes": batchmeta.EventLabels(pod.Labels), "idle": nil}
	got := map[string]map[string]string{}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	err := poll(ctx, func() bool {
		list, err := client.CoreV1().Events(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			got[list.Items[i].Message] = list.Items[i].Labels
			if len(list.Items[i].Annotations) > 0 {
				t.Errorf("annotations are left: %v", list.Items[i].Annotations)
			}
		}
		return len(got) == len(want)
	})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; labels mismatch (-want +got):\n%s", err, diff)
	}
}
