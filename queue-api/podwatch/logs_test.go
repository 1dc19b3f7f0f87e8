// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// slowLogs keeps logs when it is told to.
type slowLogs struct {
	asked, lost, followed, forgotten int
	isKept                           bool
	kept                             func()
}

func (l *slowLogs) Keep(_ batch.Job, _ *corev1.Pod, isLost bool, kept func()) bool {
	l.asked, l.kept = l.asked+1, kept
	if isLost {
		l.lost++
	}
	return l.isKept
}

func (l *slowLogs) Follow(batch.Job, *corev1.Pod) { l.followed++ }

func (l *slowLogs) Forget(*corev1.Pod) { l.forgotten++ }

func TestPodStaysUntilItsLogsAreKept(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	logs := &slowLogs{}
	s.watcher.cfg.Logs = logs
	s.show(t, podIn(corev1.PodRunning, "n", running()))
	if logs.asked > 0 {
		t.Error("logs of a pod that runs are to be kept")
	}
	s.clock.SetTime(over.Add(time.Hour))
	s.show(t, podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")))
	s.want(t, batch.StatusSucceeded, lifecycle.ReasonExited, 0, 0) // the job does not wait, its pod does
	logs.isKept = true
	logs.kept()
	if id, _ := s.watcher.work.Get(); id != s.id {
		t.Errorf("%q is settled once the logs are kept", id)
	}
	s.show(t, podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")))
	s.want(t, batch.StatusSucceeded, lifecycle.ReasonExited, 1, 1)
	asked := logs.asked
	s.show(t, podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")))
	if logs.asked != asked {
		t.Error("it is asked for a pod that was let go")
	}
	s.watcher.PodDeleted(s.cluster.pod)
	if logs.forgotten != 1 {
		t.Errorf("%d pods are forgotten", logs.forgotten)
	}
}

func TestPodIsFollowedBeforeItIsStopped(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*scene, *corev1.Pod) *corev1.Pod{
		"by us": func(s *scene, pod *corev1.Pod) *corev1.Pod {
			s.step(t, lifecycle.Terminated{Reason: "no"})
			return pod
		},
		"by others": func(_ *scene, pod *corev1.Pod) *corev1.Pod { return deleted(pod) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 1, 0)
			logs := &slowLogs{isKept: true}
			s.watcher.cfg.Logs = logs
			s.show(t, podIn(corev1.PodRunning, "n", running()))
			if logs.followed > 0 {
				t.Error("a pod that runs on is followed")
			}
			s.show(t, end(s, podIn(corev1.PodRunning, "n", running())))
			if logs.followed == 0 {
				t.Error("nobody follows a pod that is about to be ended")
			}
		})
	}
}

func TestPodThatNeverHadANodeHasNoLogs(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, 0)
	logs := &slowLogs{}
	s.watcher.cfg.Logs = logs
	s.show(t, deleted(podIn(corev1.PodFailed, "")))
	if logs.asked > 0 || s.cluster.released != 1 {
		t.Errorf("asked %d times, released %d", logs.asked, s.cluster.released)
	}
}
