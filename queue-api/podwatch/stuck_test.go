// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
)

// TestAStartingJobSaysWhatItIsStuckIn: an image that cannot be pulled is told while it is tried again, in the words that came
// first, and no more once it is there.
func TestAStartingJobSaysWhatItIsStuckIn(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	for _, step := range []struct {
		pod    *corev1.Pod
		status batch.JobStatus
		reason string
	}{
		{podIn(corev1.PodPending, "n", waiting("ContainerCreating", "")), batch.StatusStarting, ""},
		{podIn(corev1.PodPending, "n", waiting("ErrImagePull", "no such image")), batch.StatusStarting, "CannotPullContainerError: no such image"},
		{podIn(corev1.PodPending, "n", waiting("ImagePullBackOff", "Back-off pulling image")), batch.StatusStarting, "CannotPullContainerError: no such image"},
		{podIn(corev1.PodPending, "n", waiting("CreateContainerConfigError", "no secret")), batch.StatusStarting, "CreateContainerConfigError: no secret"},
		{podIn(corev1.PodPending, "n", waiting("ContainerCreating", "")), batch.StatusStarting, ""},
		{podIn(corev1.PodPending, "n", waiting("ErrImagePull", "not yet")), batch.StatusStarting, "CannotPullContainerError: not yet"},
		{podIn(corev1.PodRunning, "n", running()), batch.StatusRunning, ""},
	} {
		s.show(t, step.pod)
		if job := s.job(t); job.Status != step.status || job.StatusReason != step.reason || !job.BlockedAt.IsZero() {
			t.Errorf("%s %q since %v, want %s %q", job.Status, job.StatusReason, job.BlockedAt, step.status, step.reason)
		}
	}
}
