// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// moved is a scene whose job was withdrawn and admitted again, to another cluster, as the same attempt with a pod of the same
// name.
func moved(t *testing.T) *scene {
	t.Helper()
	s := newScene(t, 3, 0)
	s.step(t, lifecycle.Withdrawn{Attempt: 1})
	s.step(t, lifecycle.Admitted{ComputeEnvironment: "far", Cluster: "arn:aws:eks:r:1:cluster/west", PodName: "p", PodNamespace: "jobs"})
	return s
}

func TestPodOfAnAttemptElsewhereIsStopped(t *testing.T) {
	t.Parallel()
	for name, pod := range map[string]*corev1.Pod{
		"waiting":  podIn(corev1.PodPending, ""),
		"running":  podIn(corev1.PodRunning, "n", running()),
		"finished": podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := moved(t)
			s.show(t, pod)
			if job := s.job(t); job.Status != batch.StatusRunnable || job.Current == nil || len(job.Attempts) != 0 {
				t.Errorf("the job is %s with %+v", job.Status, job.Current)
			}
			if s.cluster.stopped+s.cluster.released == 0 {
				t.Error("the pod was left alone")
			}
		})
	}
}

func TestAttemptElsewhereIsNotMissed(t *testing.T) {
	t.Parallel()
	s := moved(t)
	if err := s.watcher.reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.watcher.notes.setLost(s.id)
	if _, err := s.watcher.settle(t.Context(), s.id); err != nil {
		t.Fatal(err)
	}
	if len(s.dispatcher.ensured) != 0 {
		t.Errorf("ensured %v", s.dispatcher.ensured)
	}
	s.step(t, lifecycle.Bound{Attempt: 1, NodeName: "n", InstanceID: "i"})
	if err := s.watcher.reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(t, batch.StatusStarting, "", 0, 0)
}

func TestScaleUpFailureOfAnOldPodDoesNotConcernTheNewOne(t *testing.T) {
	t.Parallel()
	s := moved(t)
	s.cluster.pod = podIn(corev1.PodPending, "")
	s.cluster.pod.Labels = map[string]string{batchmeta.JobID: s.id, batchmeta.Attempt: "1"}
	s.watcher.ScaleUpFailed(t.Context(), &corev1.Event{
		InvolvedObject: corev1.ObjectReference{Namespace: "jobs", Name: "p"}, Reason: batchmeta.ReasonScaleUpFailed, Message: "CAPACITY:X - y",
	})
	s.want(t, batch.StatusRunnable, "", 0, 0)
	if len(s.dispatcher.starved) != 0 {
		t.Errorf("starved %v", s.dispatcher.starved)
	}
}
