// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
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
	// Forget is told of every pod that is gone.
	Forget(pod *corev1.Pod)
}

// areKept reports whether a pod whose part is over may go as far as its logs are concerned.
func (w *Watcher) areKept(job batch.Job, m member) bool {
	if w.cfg.Logs == nil || m.pod.Spec.NodeName == "" || !slices.Contains(m.pod.Finalizers, batchmeta.Tracking) {
		return true
	}
	return w.cfg.Logs.Keep(job, m.pod, m.lost, func() { w.PodChanged(m.pod) })
}
