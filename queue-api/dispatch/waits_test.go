// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
)

// After each round it is known why what waits in a queue is not admitted, in the codes of an explanation.
func TestWaitsAreTold(t *testing.T) {
	t.Parallel()
	type told = map[explain.Code]int
	cases := map[string]struct {
		set  func(t *testing.T, b *bench, q batch.JobQueue)
		want Waits
	}{
		"nothing waits": {func(t *testing.T, b *bench, q batch.JobQueue) { t.Helper(); b.submit(t, q, 1000) }, Waits{Rest: explain.WaitingTurn}},
		"for room, and behind the one that does": {func(t *testing.T, b *bench, q batch.JobQueue) {
			t.Helper()
			for range 4 {
				b.submit(t, q, 1500)
			}
		}, Waits{told{explain.QuotaMaxVCPUs: 1}, explain.WaitingTurn}},
		"what can never fit, an array as one": {func(t *testing.T, b *bench, q batch.JobQueue) {
			t.Helper()
			b.submit(t, q, 9000)
			b.submit(t, q, 9000, array(3))
		}, Waits{told{explain.MaxResource: 2}, explain.WaitingTurn}},
		"consumable resources": {func(t *testing.T, b *bench, q batch.JobQueue) {
			t.Helper()
			b.consumable(t, "licence", 3)
			b.consumable(t, "token", 1)
			b.submit(t, q, 100, needing("licence", 2))
			b.submit(t, q, 100, needing("licence", 2))
			b.submit(t, q, 100, needing("licence", 3)) // behind the one before
			b.submit(t, q, 100, needing("gone", 1))
			b.submit(t, q, 100, needing("token", 5))
		}, Waits{told{explain.ConsumableShort: 2, explain.ConsumableMissing: 1, explain.ConsumableTooMany: 1}, explain.WaitingTurn}},
		"no environment takes work": {func(t *testing.T, b *bench, q batch.JobQueue) {
			t.Helper()
			b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.State = batch.Disabled })
			b.submit(t, q, 100)
			b.submit(t, q, 100)
		}, Waits{told{explain.EnvironmentDisabled: 1}, explain.EnvironmentDisabled}},
		"gangs have no place": {func(t *testing.T, b *bench, q batch.JobQueue) {
			t.Helper()
			b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.Type = batch.Unmanaged })
			b.submit(t, q, 100, func(j *batch.Job) { j.NumNodes = 2 })
		}, Waits{told{explain.GangNoEnvironment: 1}, explain.WaitingTurn}},
		"the queue is paused": {func(t *testing.T, b *bench, q batch.JobQueue) {
			t.Helper()
			b.submit(t, q, 100)
			b.pause(t, q, "true")
		}, Waits{Rest: explain.QueuePaused}},
		"the queue is being deleted": {func(t *testing.T, b *bench, q batch.JobQueue) {
			t.Helper()
			b.submit(t, q, 100)
			b.changeQueue(t, q.Name, func(q *batch.JobQueue) { q.Status = batch.ResourceDeleting })
		}, Waits{Rest: explain.QueueDeleting}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[string]Waits{}
			b := newBenchWith(t, Config{Waits: func(queue string, w Waits) { got[queue] = w }})
			tc.set(t, b, b.queue(t, "q", 1, "ce-a"))
			b.round(t)
			if diff := cmp.Diff(map[string]Waits{"q": tc.want}, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("waits mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// Where more wait for something of their own than a round looks at, what one tells that goes on further behind does not count: the
// first are told of, and the others as those that wait their turn.
func TestWaitsOfManyAreSteady(t *testing.T) {
	t.Parallel()
	var got []int
	b := newBenchWith(t, Config{Skips: 5, Waits: func(_ string, w Waits) { got = append(got, w.Told[explain.MaxResource]) }})
	q := b.queue(t, "q", 1, "ce-a")
	for range 12 {
		b.submit(t, q, 9000)
	}
	for range 6 {
		b.round(t)
	}
	if diff := cmp.Diff([]int{5, 5, 5}, got); diff != "" {
		t.Errorf("told mismatch (-want +got):\n%s", diff)
	}
}
