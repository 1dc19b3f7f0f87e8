// SPDX-License-Identifier: Apache-2.0

package main

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// jobRecorder writes Events about jobs' pods so that they name the job: an Event outlives its pod. A recorder can give an Event no
// labels, so they travel as annotations to the jobSink.
type jobRecorder struct{ record.EventRecorder }

var _ record.EventRecorder = jobRecorder{}

// Event implements record.EventRecorder.
func (r jobRecorder) Event(about runtime.Object, kind, reason, message string) {
	r.Eventf(about, kind, reason, "%s", message)
}

// Eventf implements record.EventRecorder.
func (r jobRecorder) Eventf(about runtime.Object, kind, reason, format string, args ...any) {
	r.AnnotatedEventf(about, nil, kind, reason, format, args...)
}

// AnnotatedEventf implements record.EventRecorder.
func (r jobRecorder) AnnotatedEventf(about runtime.Object, annotations map[string]string, kind, reason, format string, args ...any) {
	if pod, ok := about.(*corev1.Pod); ok && annotations == nil {
		annotations = batchmeta.EventLabels(pod.Labels)
	}
	r.EventRecorder.AnnotatedEventf(about, annotations, kind, reason, format, args...)
}

// jobSink makes labels of what a jobRecorder annotated.
type jobSink struct{ record.EventSink }

// Create implements record.EventSink.
func (s jobSink) Create(e *corev1.Event) (*corev1.Event, error) {
	if labels := batchmeta.EventLabels(e.Annotations); labels != nil {
		e = e.DeepCopy()
		e.Labels = labels
		for key := range labels {
			delete(e.Annotations, key)
		}
	}
	return s.EventSink.Create(e)
}
