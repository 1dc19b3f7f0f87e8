// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// A full reconcile tells how many attempts do not run, by the reason that an explanation would give.
func TestWaitsAreCounted(t *testing.T) {
	t.Parallel()
	unscheduled := podIn(corev1.PodPending, "")
	unscheduled.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available: 1 node(s) had untolerated taint {a: b}.",
	}}
	cases := map[string]struct {
		pod   *corev1.Pod
		event lifecycle.Event
		want  map[Waits]int
	}{
		"a pod without a node":             {podIn(corev1.PodPending, ""), nil, map[Waits]int{{"q", explain.NodeLaunching}: 1}},
		"what the scheduler says":          {unscheduled, nil, map[Waits]int{{"q", explain.SchedulingTaint}: 1}},
		"what the autoscaler said":         {podIn(corev1.PodPending, ""), lifecycle.Blocked{Reason: string(explain.InsufficientCapacity) + " - x"}, map[Waits]int{{"q", explain.InsufficientCapacity}: 1}},
		"a pod that starts":                {podIn(corev1.PodPending, "n"), nil, map[Waits]int{{"q", explain.PodStarting}: 1}},
		"an image that cannot be pulled":   {podIn(corev1.PodPending, "n", waiting("ImagePullBackOff", "no")), nil, map[Waits]int{{"q", explain.PodImagePull}: 1}},
		"what runs waits for nothing":      {podIn(corev1.PodRunning, "n", running()), nil, map[Waits]int{}},
		"what has ended waits for nothing": {podIn(corev1.PodSucceeded, "n", terminated(0, "Completed")), nil, map[Waits]int{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSceneOf(t, batch.Job{})
			var got map[Waits]int
			s.watcher.cfg.Waits = func(counts map[Waits]int) { got = counts }
			s.show(t, tc.pod)
			if tc.event != nil {
				s.step(t, tc.event)
			}
			if err := s.watcher.reconcile(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("waits mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// Those of another cluster are its own watcher's to count.
func TestWaitsElsewhereAreNotCounted(t *testing.T) {
	t.Parallel()
	s := newSceneOf(t, batch.Job{})
	s.watcher.cfg.Owns = func(string) bool { return false }
	var got map[Waits]int
	s.watcher.cfg.Waits = func(counts map[Waits]int) { got = counts }
	if err := s.watcher.reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got == nil || len(got) > 0 {
		t.Errorf("counted %v", got)
	}
}
