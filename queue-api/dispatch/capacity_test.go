// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

const reasonNoCapacity = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [x]"

// starve says that no node can be launched for an admitted job, as the autoscaler's Event does through the watcher.
func (b *bench) starve(t *testing.T, id string) {
	t.Helper()
	b.dispatcher.NoCapacity(b.step(t, id, lifecycle.Blocked{Reason: reasonNoCapacity}))
}

// settleWithdrawn does what the watcher does once a job's pod is gone.
func (b *bench) settleWithdrawn(t *testing.T, id string) (withdrawn bool) {
	t.Helper()
	current := b.job(t, id).Current
	if current == nil || slices.ContainsFunc(b.pods.made, func(p *corev1.Pod) bool { return p.Name == current.PodName }) {
		return false
	}
	b.step(t, id, lifecycle.Withdrawn{Attempt: current.Number})
	return true
}

// Contract 5.1: the next environment is tried when the first lacks capacity; each once in a round of back-off.
func TestJobWithoutCapacityTriesTheNextEnvironment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.submit(t, b.queue(t, "q", 1, "ce-a", "ce-b"), 1000)
	b.round(t)
	var went []string
	for range 3 {
		went = append(went, b.admittedTo(t, job)[0])
		b.starve(t, job.ID)
		b.round(t)
		b.settleWithdrawn(t, job.ID)
		b.round(t)
		b.round(t)
		b.clock.Step(30 * time.Second)
	}
	if diff := cmp.Diff([]string{"ce-a", "ce-b", "ce-b"}, went); diff != "" {
		t.Errorf("environments mismatch (-want +got):\n%s", diff)
	}
	if got := b.job(t, job.ID).StatusReason; got != reasonNoCapacity {
		t.Errorf("when all environments hit it the job says %q", got)
	}
	b.clock.Step(5 * time.Minute)
	b.starve(t, job.ID)
	b.round(t)
	if !b.settleWithdrawn(t, job.ID) {
		t.Fatal("after the back-off no other environment is tried")
	}
	b.round(t)
	if got := b.admittedTo(t, job)[0]; got != "ce-a" {
		t.Errorf("after the back-off the job is in %q", got)
	}
}

func TestJobWithoutCapacityStaysWhereNothingElseHasRoom(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*testing.T, *bench, batch.JobQueue){
		"the other is full":     func(t *testing.T, b *bench, q batch.JobQueue) { t.Helper(); b.submit(t, q, 2000); b.round(t) },
		"the other is DISABLED": func(t *testing.T, b *bench, _ batch.JobQueue) { t.Helper(); b.environment(t, "ce-b", disable) },
		"it got a node": func(t *testing.T, b *bench, _ batch.JobQueue) {
			t.Helper()
			for _, pod := range b.pods.made {
				b.step(t, pod.Labels["batch.amazonaws.com/job-id"], lifecycle.Bound{Attempt: 1, NodeName: "n"})
			}
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			q := b.queue(t, "q", 1, "ce-a", "ce-b")
			job := b.submit(t, q, 1000)
			b.round(t)
			b.starve(t, job.ID)
			prepare(t, b, q)
			made := len(b.pods.made)
			b.clock.Step(time.Minute)
			b.round(t)
			if b.admittedTo(t, job)[0] != "ce-a" || len(b.pods.made) < made {
				t.Errorf("job in %q, %d pods of %d left", b.admittedTo(t, job)[0], len(b.pods.made), made)
			}
		})
	}
}

func disable(e *batch.ComputeEnvironment) { e.State = batch.Disabled }

// Contract 5.5: insufficient capacity in the preferred environment holds a multi-node job there.
func TestGangWithoutCapacityStays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.gang(t, b.queue(t, "q", 1, "ce-a", "ce-b"))
	b.round(t)
	b.starve(t, job.ID)
	b.round(t)
	if b.admittedTo(t, job)[0] != "ce-a" || len(b.pods.made) != 3 {
		t.Errorf("job in %q with %d pods", b.admittedTo(t, job)[0], len(b.pods.made))
	}
}

// Contract 5.7: a job for which no node can be launched counts as the head of its queue; the time in all environments counts.
func TestTimeLimitCancelsAJobWithoutCapacity(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.queue(t, "q", 1, "ce-a", "ce-b")
	q := b.changeQueue(t, "q", func(q *batch.JobQueue) {
		q.JobStateTimeLimitActions = []byte(`[{"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","state":"RUNNABLE","maxTimeSeconds":600,"action":"CANCEL"}]`)
	})
	job := b.submit(t, q, 1000)
	b.round(t)
	for range 10 {
		if b.job(t, job.ID).Current != nil {
			b.starve(t, job.ID)
		}
		b.round(t)
		if b.job(t, job.ID).Status != batch.StatusRunnable {
			t.Fatal("cancelled too early")
		}
		b.settleWithdrawn(t, job.ID)
		b.round(t)
		b.clock.Step(time.Minute)
	}
	b.starve(t, job.ID)
	b.round(t)
	got := b.job(t, job.ID)
	want := "Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
	if got.Status != batch.StatusFailed || got.StatusReason != want {
		t.Errorf("%s %q", got.Status, got.StatusReason)
	}
	b.clock.Step(time.Minute)
	b.round(t)
	if len(b.dispatcher.failures.jobs) != 0 {
		t.Error("a job that ended is kept")
	}
}

// What waited while machines were wanting is not tried there again by the next leader at once, where another environment has
// room; what was submitted since is.
func TestNextLeaderKnowsWhereMachinesWereWanting(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a", "ce-b")
	waiting := b.submit(t, q, 1000)
	b.clock.Step(time.Second)
	short := b.clock.Now()
	b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) {
		e.Report = &batch.Report{Status: batch.ResourceValid, StatusReason: reasonNoCapacity, ShortAt: short}
	})
	b.clock.Step(time.Second)
	fresh := b.submit(t, q, 1000)
	b.round(t)
	if diff := cmp.Diff([]string{"ce-b", "ce-a"}, b.admittedTo(t, waiting, fresh)); diff != "" {
		t.Errorf("environments mismatch (-want +got):\n%s", diff)
	}
}

func TestWantOfMachinesIsForgottenAfterTheBackoff(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.submit(t, b.queue(t, "q", 1, "ce-a", "ce-b"), 1000)
	b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) {
		e.Report = &batch.Report{Status: batch.ResourceValid, ShortAt: b.clock.Now().Add(time.Second)}
	})
	b.clock.Step(6 * time.Minute)
	b.round(t)
	if got := b.admittedTo(t, job)[0]; got != "ce-a" {
		t.Errorf("job is in %q", got)
	}
}
