// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/explain"
)

// pause sets the tag of a queue, or takes it away if value is empty.
func (b *bench) pause(t *testing.T, q batch.JobQueue, value string) {
	t.Helper()
	b.changeQueue(t, q.Name, func(q *batch.JobQueue) {
		q.Tags = nil
		if value != "" {
			q.Tags = map[string]string{batchmeta.QueuePaused: value}
		}
	})
}

// TestNothingOfAPausedQueueIsAdmitted: submissions wait, other queues go on and nobody keeps room for it, and what was admitted
// stays. It is level-triggered: each round looks at the tag.
func TestNothingOfAPausedQueueIsAdmitted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	paused, other := b.queue(t, "paused", 2, "ce-a"), b.queue(t, "other", 1, "ce-a")
	before := b.submit(t, paused, 1000)
	b.round(t)
	b.pause(t, paused, "true")
	while, others := b.submit(t, paused, 1000), b.submit(t, other, 1000)
	for range 3 {
		b.round(t)
	}
	if diff := cmp.Diff([]string{"ce-a", "", "ce-a"}, b.admittedTo(t, before, while, others)); diff != "" {
		t.Errorf("admissions while it is paused (-want +got):\n%s", diff)
	}
	if job := b.job(t, while.ID); job.StatusReason != "" || len(b.dispatcher.heads[paused.Number].JobID) > 0 {
		t.Errorf("a job of a paused queue was told %q", job.StatusReason)
	}
	b.pause(t, paused, "false")
	b.queue(t, "more", 1, "ce-b")
	b.changeQueue(t, "paused", func(q *batch.JobQueue) { q.Environments = []batch.EnvironmentOrder{{Order: 1, Name: "ce-b"}} })
	b.round(t)
	if diff := cmp.Diff([]string{"ce-b"}, b.admittedTo(t, while)); diff != "" {
		t.Errorf("admissions after it (-want +got):\n%s", diff)
	}
}

// TestTimeGoesOnInTheLedgerOfAPausedQueue: what its shares use while it is paused counts when it goes on.
func TestTimeGoesOnInTheLedgerOfAPausedQueue(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.fairQueue(t, 4, batch.FairSharePolicy{})
	b.submit(t, q, 1000, func(j *batch.Job) { j.ShareIdentifier = "a" })
	b.round(t)
	b.pause(t, q, "true")
	b.round(t)
	before, err := b.dispatcher.accounts[q.Number].Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b.clock.Step(time.Minute)
	b.round(t)
	after, err := b.dispatcher.accounts[q.Number].Bytes()
	if err != nil || string(before) == string(after) {
		t.Errorf("the ledger stays %s, %v", after, err)
	}
}

// TestPaceOfAQueueIsKept: how many jobs were admitted in each minute is written now and then, and read by the next leader.
func TestPaceOfAQueueIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a")
	kept := func() (n int) {
		text, err := b.store.LoadPace(t.Context(), q.Number)
		if err != nil {
			t.Fatal(err)
		}
		pace, err := explain.ReadPace(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pace.Minutes {
			n += m.Count
		}
		return n
	}
	b.submit(t, q, 500)
	b.round(t)
	b.submit(t, q, 500)
	b.round(t)
	if n := kept(); n != 1 {
		t.Errorf("%d admissions are kept at once, want the first", n)
	}
	b.clock.Step(paceEvery)
	b.round(t)
	if n := kept(); n != 2 {
		t.Errorf("%d admissions are kept after a while", n)
	}
	b.dispatcher = New(b.store, b.pods, b.dispatcher.cfg)
	b.clock.Step(time.Minute)
	b.submit(t, q, 500)
	b.round(t)
	if n := kept(); n != 3 {
		t.Errorf("%d admissions are kept by the next leader", n)
	}
}
