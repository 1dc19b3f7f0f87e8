// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	eventsv1 "k8s.io/api/events/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/events"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// jobSink writes Events about jobs' pods so that they name the job: an Event outlives its pod. What it gets of the recorder
// names the pod alone, so the pod is looked up.
type jobSink struct {
	events.EventSink
	pods corelisters.PodLister
}

var _ events.EventSink = (*jobSink)(nil)

// Create implements events.EventSink.
func (s *jobSink) Create(ctx context.Context, e *eventsv1.Event) (*eventsv1.Event, error) {
	pod, err := s.pods.Pods(e.Regarding.Namespace).Get(e.Regarding.Name)
	if err == nil && pod.UID == e.Regarding.UID { // else it is gone, or no pod
		e = e.DeepCopy()
		e.Labels = batchmeta.EventLabels(pod.Labels)
	}
	return s.EventSink.Create(ctx, e)
}
