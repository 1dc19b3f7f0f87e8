// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// ScaleUpFailed is told of the autoscaler's Event that no capacity could be launched for a pod; the waiting job says so.
func (w *Watcher) ScaleUpFailed(ctx context.Context, event *corev1.Event) {
	pod := w.pods.Get(event.InvolvedObject.Namespace, event.InvolvedObject.Name)
	if pod == nil || event.Reason != batchmeta.ReasonScaleUpFailed || pod.Spec.NodeName != "" {
		return
	}
	ev := lifecycle.Blocked{Reason: event.Message}
	job, err := w.store.Transition(ctx, ownerOf(pod), func(job batch.Job) (batch.Job, error) {
		if w.isElsewhere(job) {
			return job, nil
		}
		next, _, err := lifecycle.Step(job, ev, w.cfg.Clock.Now())
		return next, err
	})
	if err == nil && !w.isElsewhere(job) {
		w.dispatcher.NoCapacity(job)
	} else if !errors.Is(err, batch.ErrNotFound) {
		klog.FromContext(ctx).Error(err, "Blocked job keeps its old reason", "pod", klog.KObj(pod))
	}
}
