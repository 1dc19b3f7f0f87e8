// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// heard is what was recorded.
type heard []string

func (h *heard) Record(_ *corev1.Pod, reason batchmeta.EventReason, message string) {
	*h = append(*h, string(reason)+": "+message)
}

// An attempt's pod says what becomes of the attempt, each thing once.
func TestPodsTell(t *testing.T) {
	t.Parallel()
	lost := func() *corev1.Pod {
		pod := podIn(corev1.PodFailed, "n", running())
		pod.Status.Reason = "NodeLost"
		return pod
	}
	ran := "Running: Attempt 1 runs on node n"
	cases := map[string]struct {
		attempts int
		timeout  time.Duration
		live     func(t *testing.T, s *scene)
		want     []string
	}{
		"one that succeeds": {1, 0, func(t *testing.T, s *scene) {
			t.Helper()
			s.show(t, podIn(corev1.PodPending, "n"))
			s.show(t, podIn(corev1.PodRunning, "n", running()))
			s.show(t, podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")))
			s.show(t, podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")))
		}, []string{ran, "Succeeded: Attempt 1 succeeded"}},
		"one that is tried again": {3, 0, func(t *testing.T, s *scene) {
			t.Helper()
			s.show(t, podIn(corev1.PodFailed, "n", terminated(7, "Error")))
		}, []string{ran, "Retried: Attempt 1 failed: Essential container in task exited (default: exit code 7 Error); attempt 2 follows; 1 of 3 are used up"}},
		"one that fails for good": {1, 0, func(t *testing.T, s *scene) {
			t.Helper()
			s.show(t, podIn(corev1.PodFailed, "n", terminated(7, "Error")))
		}, []string{ran, "Failed: Attempt 1 failed: Essential container in task exited (default: exit code 7 Error); the job failed"}},
		"one whose machine goes away": {2, 0, func(t *testing.T, s *scene) {
			t.Helper()
			s.show(t, lost())
		}, []string{ran, "Reclaimed: Attempt 1 failed: Host EC2 (instance i-1) terminated.; attempt 2 follows; 1 of 2 are used up"}},
		"one that is preempted": {1, 0, func(t *testing.T, s *scene) {
			t.Helper()
			s.show(t, disrupted(deleted(podIn(corev1.PodFailed, "n", terminated(143, "Error"))), "PreemptionByScheduler"))
		}, []string{ran, "Preempted: Attempt 1 failed: Job attempt preempted by work of higher priority (default: exit code 143 Error); attempt 2 follows; 0 of 1 are used up"}},
		"one that takes too long": {1, time.Minute, func(t *testing.T, s *scene) {
			t.Helper()
			s.show(t, podIn(corev1.PodRunning, "n", running()))
			s.clock.Step(time.Minute)
			s.show(t, podIn(corev1.PodRunning, "n", running()))
			s.show(t, deleted(podIn(corev1.PodFailed, "n", terminated(137, "Error"))))
		}, []string{
			ran, "Stopping: Being stopped: Job attempt duration exceeded timeout",
			"TimedOut: Attempt 1 was stopped: Job attempt duration exceeded timeout",
		}},
		"one that is terminated": {1, 0, func(t *testing.T, s *scene) {
			t.Helper()
			s.show(t, podIn(corev1.PodRunning, "n", running()))
			s.step(t, lifecycle.Terminated{Reason: "enough"})
			s.show(t, podIn(corev1.PodRunning, "n", running()))
			s.show(t, deleted(podIn(corev1.PodFailed, "n", terminated(143, "Error"))))
		}, []string{ran, "Stopping: Being stopped: enough", "Terminated: Attempt 1 was stopped: enough"}},
		"one that is cancelled before it has a node": {1, 0, func(t *testing.T, s *scene) {
			t.Helper()
			s.step(t, lifecycle.Cancelled{Reason: "enough"})
			s.show(t, podIn(corev1.PodPending, ""))
		}, []string{"Cancelled: enough"}},
		"one that is taken back": {1, 0, func(t *testing.T, s *scene) {
			t.Helper()
			s.show(t, deleted(podIn(corev1.PodPending, "")))
		}, []string{"Withdrawn: Attempt 1 was taken back before it had a node; the job waits again"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, tc.attempts, tc.timeout)
			var got heard
			s.watcher.cfg.Events = &got
			tc.live(t, s)
			if diff := cmp.Diff(heard(tc.want), got); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			for _, told := range got {
				reason, _, _ := strings.Cut(told, ":")
				if !isReason(reason) {
					t.Errorf("%s is no reason that users are told of", reason)
				}
			}
		})
	}
}

func isReason(s string) bool {
	for _, e := range batchmeta.Events() {
		if string(e.Reason) == s {
			return true
		}
	}
	return false
}
