// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// lastEvent is a sink that keeps the last Event.
type lastEvent struct {
	events.EventSink
	labels map[string]string
}

func (l *lastEvent) Create(_ context.Context, e *eventsv1.Event) (*eventsv1.Event, error) {
	l.labels = e.Labels
	return e, nil
}

func TestEventsNameTheJob(t *testing.T) {
	t.Parallel()
	pods := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for name, labels := range map[string]map[string]string{
		"job": {batchmeta.JobID: "j", batchmeta.JobQueue: "q", batchmeta.Attempt: "1", "team": "a"},
		"own": {"team": "a"},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: "1", Labels: labels}}
		if err := pods.Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		about corev1.ObjectReference
		want  map[string]string
	}{
		"a job's pod": {
			about: corev1.ObjectReference{Namespace: "ns", Name: "job", UID: "1"},
			want:  map[string]string{batchmeta.JobID: "j", batchmeta.JobQueue: "q", batchmeta.Attempt: "1"},
		},
		"a pod of no job":                  {about: corev1.ObjectReference{Namespace: "ns", Name: "own", UID: "1"}},
		"an earlier pod of the name":       {about: corev1.ObjectReference{Namespace: "ns", Name: "job", UID: "0"}},
		"a pod that is gone, or no pod":    {about: corev1.ObjectReference{Namespace: "ns", Name: "gone", UID: "1"}},
		"a pod of the name somewhere else": {about: corev1.ObjectReference{Namespace: "other", Name: "job", UID: "1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			last := &lastEvent{}
			event := &eventsv1.Event{Regarding: tc.about}
			if _, err := (&jobSink{EventSink: last, pods: corelisters.NewPodLister(pods)}).Create(t.Context(), event); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, last.labels); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			if event.Labels != nil {
				t.Error("the recorder's own Event has labels now")
			}
		})
	}
}
