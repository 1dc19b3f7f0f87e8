// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Logs keeps what containers wrote.
type Logs interface {
	// Keep reports whether there is nothing more to keep of a pod that ended, or whose host is lost. If there is, that is begun,
	// and kept is called once it is done. It does not block.
	Keep(job batch.Job, pod *corev1.Pod, isLost bool, kept func()) bool
	// Follow is told of a pod that runs and is about to be ended, or is being ended: its kubelet may soon have no log of it any
	// more. It does not block.
	Follow(job batch.Job, pod *corev1.Pod)
	// Forget is told of every pod that is gone.
	Forget(pod *corev1.Pod)
}

// stop ends a pod.
func (w *Watcher) stop(ctx context.Context, job batch.Job, pod *corev1.Pod) error {
	w.follow(job, pod)
	w.tellStop(&job, pod)
	return w.pods.Stop(ctx, pod)
}

// follow has the log of a pod read that runs and will not for long.
func (w *Watcher) follow(job batch.Job, pod *corev1.Pod) {
	if w.cfg.Logs != nil && pod.Spec.NodeName != "" && !isFinished(pod) {
		w.cfg.Logs.Follow(job, pod)
	}
}

// areKept reports whether a pod whose part is over may go as far as its logs are concerned.
func (w *Watcher) areKept(job batch.Job, m member) bool {
	if w.cfg.Logs == nil || m.pod.Spec.NodeName == "" || !slices.Contains(m.pod.Finalizers, batchmeta.Tracking) {
		return true
	}
	return w.cfg.Logs.Keep(job, m.pod, m.lost, func() { w.PodChanged(m.pod) })
}
