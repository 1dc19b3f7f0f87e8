// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// Contract 5.1: the next environment is used when the first is full, DISABLED or INVALID.
func TestQueueGoesOnToItsNextEnvironment(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		first  func(*batch.ComputeEnvironment)
		order  []string
		wantIn string
	}{
		"the first by order is used":       {func(*batch.ComputeEnvironment) {}, []string{"ce-a", "ce-b"}, "ce-a"},
		"order counts, not the name":       {func(*batch.ComputeEnvironment) {}, []string{"ce-b", "ce-a"}, "ce-b"},
		"the next when it is full":         {func(e *batch.ComputeEnvironment) { e.MaxvCPUs = 0 }, []string{"ce-a", "ce-b"}, "ce-b"},
		"the next when it is DISABLED":     {func(e *batch.ComputeEnvironment) { e.State = batch.Disabled }, []string{"ce-a", "ce-b"}, "ce-b"},
		"the next when it is INVALID":      {func(e *batch.ComputeEnvironment) { e.Status = batch.ResourceInvalid }, []string{"ce-a", "ce-b"}, "ce-b"},
		"one that is being updated counts": {func(e *batch.ComputeEnvironment) { e.Status = batch.ResourceUpdating }, []string{"ce-a", "ce-b"}, "ce-a"},
		"none when there is none":          {func(e *batch.ComputeEnvironment) { e.State = batch.Disabled }, []string{"ce-a"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.environment(t, "ce-a", tc.first)
			job := b.submit(t, b.queue(t, "q", 1, tc.order...), 1000)
			b.round(t)
			if got := b.admittedTo(t, job)[0]; got != tc.wantIn {
				t.Errorf("admitted to %q, want %q", got, tc.wantIn)
			}
		})
	}
}

// Contract 5.1: equal priorities are unspecified; ours go by name.
func TestQueuesOfOnePriorityGoByName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	z, a := b.queue(t, "z", 1, "ce-a"), b.queue(t, "a", 1, "ce-a")
	jobs := []batch.Job{b.submit(t, z, 2000), b.submit(t, a, 2000)}
	b.round(t)
	if diff := cmp.Diff([]string{"", "ce-a"}, b.admittedTo(t, jobs...)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
}

// Contract 5.2: the head of a FIFO queue is not overtaken, unless a bounded backfill is asked for.
func TestHeadIsOvertakenOnlyWithinTheBackfill(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cfg  Config
		wait time.Duration
		want []string // of the four jobs behind the head
	}{
		"strict": {Config{}, 0, []string{"", "", "", ""}},
		"two are tried and take what the head cannot": {Config{Backfill: 2, BackfillFor: time.Hour}, 0, []string{"ce-a", "", "", ""}},
		"four are tried": {Config{Backfill: 4, BackfillFor: time.Hour}, 0, []string{"ce-a", "", "ce-a", ""}},
		"none any more once the head waited long": {Config{Backfill: 4, BackfillFor: time.Hour}, time.Hour, []string{"", "", "", ""}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBenchWith(t, tc.cfg)
			q := b.queue(t, "q", 1, "ce-a")
			b.submit(t, q, 500) // so that the head does not fit
			head := b.submit(t, q, 2000)
			b.round(t)
			b.clock.Step(tc.wait)
			behind := []batch.Job{b.submit(t, q, 700), b.submit(t, q, 1000), b.submit(t, q, 800), b.submit(t, q, 100)}
			b.submit(t, q, 1)
			b.round(t)
			if diff := cmp.Diff(tc.want, b.admittedTo(t, behind...)); diff != "" {
				t.Errorf("admissions mismatch (-want +got):\n%s", diff)
			}
			if b.job(t, head.ID).Current != nil {
				t.Error("the head was admitted")
			}
		})
	}
}

// Contract 5.8: only what cannot start has a code, and it goes when the job moves on.
func TestBlockedReasonFollowsItsCause(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a")
	first, second := b.submit(t, q, 2000), b.submit(t, q, 1000)
	b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.Status = batch.ResourceInvalid })
	b.round(t)
	blocked := b.job(t, first.ID)
	if blocked.StatusReason != fairshare.ReasonInvalidCEs || !blocked.BlockedAt.Equal(b.clock.Now()) {
		t.Errorf("the head of a queue without a valid environment says %q since %v", blocked.StatusReason, blocked.BlockedAt)
	}
	if got := b.job(t, second.ID).StatusReason; got != "" {
		t.Errorf("a job behind the head says %q", got)
	}
	b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.Status, e.MaxvCPUs = batch.ResourceValid, 1 })
	b.round(t)
	if got := b.job(t, first.ID).StatusReason; got != fairshare.ReasonMaxResource {
		t.Errorf("a job that needs more than any environment says %q", got)
	}
	if got := b.admittedTo(t, second)[0]; got != "ce-a" {
		t.Error("a job that can never fit holds the next one up")
	}
	b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.MaxvCPUs = 2 })
	b.round(t)
	if got := b.job(t, first.ID); got.StatusReason != "" || !got.BlockedAt.IsZero() {
		t.Errorf("a head that only waits for room says %q since %v", got.StatusReason, got.BlockedAt)
	}
}

// Contract 5.7: a job at the head that is blocked for longer than its queue allows is cancelled.
func TestTimeLimitCancelsABlockedHead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.queue(t, "q", 1, "ce-a")
	q := b.changeQueue(t, "q", func(q *batch.JobQueue) {
		q.JobStateTimeLimitActions = []byte(`[{"reason":"MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE","state":"RUNNABLE","maxTimeSeconds":600,"action":"CANCEL"}]`)
	})
	huge := b.submit(t, q, 9000)
	for range 11 {
		b.round(t)
		if got := b.job(t, huge.ID).Status; got != batch.StatusRunnable {
			t.Fatalf("%s after %v", got, b.clock.Since(huge.CreatedAt))
		}
		b.clock.Step(time.Minute - 5*time.Second)
	}
	b.round(t)
	got := b.job(t, huge.ID)
	want := "Canceled by JobStateTimeLimit action due to reason: MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
	if got.Status != batch.StatusFailed || got.StatusReason != want {
		t.Errorf("%s %q", got.Status, got.StatusReason)
	}
}

// Contract 4.9: children of an array are jobs of their own, in index order; no gang.
func TestArrayIsAdmittedChildByChild(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a", "ce-b")
	parent := b.submit(t, q, 1000, array(10))
	next := b.submit(t, q, 1000)
	for done := 0; done < 10; done += 4 {
		b.round(t)
		for i := done; i < min(done+4, 10); i++ {
			b.succeed(t, batch.ChildID(parent.ID, i))
		}
	}
	if got := b.job(t, parent.ID).Children; got[batch.StatusSucceeded] != 10 {
		t.Errorf("children %v", got)
	}
	if b.job(t, next.ID).Current == nil {
		t.Error("the job behind the array was not admitted")
	}
	seen := map[string]bool{}
	for _, pod := range b.pods.made {
		seen[pod.Name] = true
	}
	if len(seen) != 11 {
		t.Errorf("%d pods, want one for each child and one", len(seen))
	}
}

// A job that can never fit is told so; of an array one child is, which costs one record.
func TestArrayThatNeverFitsCostsOneRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a")
	parent := b.submit(t, q, 9000, array(100))
	next := b.submit(t, q, 1000)
	b.round(t)
	told := 0
	for i := range 100 {
		if b.job(t, batch.ChildID(parent.ID, i)).StatusReason != "" {
			told++
		}
	}
	if told != 1 || b.admittedTo(t, next)[0] != "ce-a" {
		t.Errorf("%d children told, next job in %q", told, b.admittedTo(t, next))
	}
}

func TestLimitOfARoundIsNotTheEnd(t *testing.T) {
	t.Parallel()
	b := newBenchWith(t, Config{Batch: 10})
	b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.MaxvCPUs = 1000 })
	parent := b.submit(t, b.queue(t, "q", 1, "ce-a"), 1000, array(35))
	for want := 10; want < 35; want += 10 {
		b.round(t)
		if len(b.pods.made) != want {
			t.Fatalf("%d pods, want %d", len(b.pods.made), want)
		}
		select {
		case <-b.dispatcher.wake:
		default:
			t.Fatal("a full round does not ask for the next one")
		}
	}
	b.round(t)
	for i := range 35 {
		if b.job(t, batch.ChildID(parent.ID, i)).Current == nil {
			t.Errorf("child %d waits", i)
		}
	}
}
