// SPDX-License-Identifier: Apache-2.0

package jobtrace

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// SendOfPod sends a span of what happened to a pod below the attempt that its annotation names. The pods of a gang are told of
// by the first of them. A pod without the annotation belongs to no trace.
func (t *Tracer) SendOfPod(pod *corev1.Pod, name string, start, end time.Time, failure string, attributes ...attribute.KeyValue) {
	if t == nil {
		return
	}
	if node := pod.Labels[batchmeta.NodeIndex]; node != "" && node != "0" {
		return
	}
	id, parent, ok := ParseParent(pod.Annotations[batchmeta.Traceparent])
	if !ok {
		return
	}
	t.Send(Span{
		Trace: id, ID: ChildID(parent, name, string(pod.UID)), Parent: parent, Name: name, Start: start, End: end, Failure: failure,
		Attributes: append(attributes, attribute.String("k8s.namespace.name", pod.Namespace), attribute.String("k8s.pod.name", pod.Name)),
	})
}
