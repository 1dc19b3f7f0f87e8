// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// unsettle forgets all marks, as if they had been lost.
func (b *bench) unsettle(t *testing.T) {
	t.Helper()
	for _, q := range b.queues {
		marks, err := b.store.Settled(t.Context(), q.Number, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range marks {
			if err := b.store.Unsettle(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRepairFindsWhatWasLost(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		// arrange makes something PENDING whose marks are lost afterwards, and gives its id.
		arrange    func(t *testing.T, b *bench) string
		wantStatus batch.JobStatus
		wantReason string
	}{
		"a dependency that succeeded": {
			arrange: func(t *testing.T, b *bench) string {
				t.Helper()
				first := b.submit(t, 0, 0)
				id := b.submit(t, 1, 0, on(first))
				b.succeed(t, first)
				return id
			},
			wantStatus: batch.StatusRunnable,
		},
		"a dependency that failed": {
			arrange: func(t *testing.T, b *bench) string {
				t.Helper()
				array := b.submit(t, 0, 3)
				id := b.submit(t, 1, 0, on(child(array, 1)))
				b.fail(t, child(array, 1))
				return id
			},
			wantStatus: batch.StatusFailed, wantReason: lifecycle.ReasonDependencyFailed,
		},
		"a dependency that is unknown by now": {
			arrange: func(t *testing.T, b *bench) string {
				t.Helper()
				job := b.newJob(0, 0, on(b.newJob(0, 0).ID))
				b.keep(t, 0, job)
				return job.ID
			},
			wantStatus: batch.StatusFailed, wantReason: lifecycle.ReasonDependencyFailed,
		},
		"an array whose children ended": {
			arrange: func(t *testing.T, b *bench) string {
				t.Helper()
				array := b.submit(t, 0, 2)
				b.succeed(t, child(array, 0), child(array, 1))
				return array
			},
			wantStatus: batch.StatusSucceeded,
		},
		"a child whose like succeeded": {
			arrange: func(t *testing.T, b *bench) string {
				t.Helper()
				other := b.submit(t, 0, 2)
				array := b.submit(t, 0, 2, eachOn(other))
				b.succeed(t, child(other, 1))
				return child(array, 1)
			},
			wantStatus: batch.StatusRunnable,
		},
		"a child of a cancelled array that is retried": {
			arrange: func(t *testing.T, b *bench) string {
				t.Helper()
				array := b.submit(t, 0, 3)
				b.run(t, child(array, 1))
				b.step(t, array, lifecycle.Cancelled{Reason: "enough"})
				b.step(t, child(array, 1), failed())
				return child(array, 1)
			},
			wantStatus: batch.StatusFailed, wantReason: "enough",
		},
		"what waits rightly stays": {
			arrange: func(t *testing.T, b *bench) string {
				t.Helper()
				return b.submit(t, 0, 0, on(b.submit(t, 1, 0)))
			},
			wantStatus: batch.StatusPending,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.releaser.cfg.Batch = 1
			b.submit(t, 0, 2) // a page of others
			id := tc.arrange(t, b)
			b.unsettle(t)
			b.rounds(t)
			before := b.job(t, id).Status
			for range 4 { // pages
				b.repair(t)
			}
			b.want(t, id, tc.wantStatus, tc.wantReason)
			if before == tc.wantStatus && tc.wantStatus != batch.StatusPending {
				t.Error("nothing was to repair")
			}
		})
	}
}

const resource = "seat"

// consumer submits a job that needs the resource holds it for the given attempt, and gives its id.
func (b *bench) consumer(t *testing.T, kind string, attempt int) string {
	t.Helper()
	if err := b.store.CreateConsumable(t.Context(), batch.ConsumableResource{Name: resource, Type: kind, TotalQuantity: 5}); err != nil {
		t.Fatal(err)
	}
	job := b.newJob(0, 0)
	job.Consumables = []batch.ConsumableRequirement{{Name: resource, Quantity: 2}}
	b.keep(t, 0, job)
	b.take(t, batch.AttemptID(job.ID, attempt))
	return job.ID
}

func (b *bench) take(t *testing.T, holder string) {
	t.Helper()
	short, err := b.store.TakeConsumables(t.Context(), holder, []batch.ConsumableRequirement{{Name: resource, Quantity: 2}})
	if err != nil || short != "" {
		t.Fatalf("short of %q, error %v", short, err)
	}
}

func (b *bench) wantQuantities(t *testing.T, total, inUse int64) {
	t.Helper()
	c, err := b.store.Consumable(t.Context(), resource)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{total, inUse}, []int64{c.TotalQuantity, c.InUseQuantity}); diff != "" {
		t.Errorf("total and in use (-want +got):\n%s", diff)
	}
}

// Contract 4.11: quantities are held until the attempt's end; what is not replenishable is spent by an attempt that ran.
func TestAttemptsGiveBack(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		kind      string
		events    []lifecycle.Event
		wantTotal int64
		wantInUse int64
	}{
		"not while under way":                          {batch.Replenishable, []lifecycle.Event{admitted(), bound()}, 5, 2},
		"after the last attempt":                       {batch.Replenishable, []lifecycle.Event{admitted(), bound(), started(), succeeded()}, 5, 0},
		"before a retry":                               {batch.Replenishable, []lifecycle.Event{admitted(), bound(), failed()}, 5, 0},
		"what is not replenishable is spent":           {batch.NonReplenishable, []lifecycle.Event{admitted(), bound(), failed()}, 3, 0},
		"a job cancelled while waiting spends nothing": {batch.NonReplenishable, []lifecycle.Event{lifecycle.Cancelled{}}, 5, 0},
		"a job cancelled before a node spends nothing": {batch.NonReplenishable, []lifecycle.Event{admitted(), lifecycle.Cancelled{}}, 5, 0},
		"an admission taken back keeps them":           {batch.NonReplenishable, []lifecycle.Event{admitted(), lifecycle.Withdrawn{Attempt: 1}}, 5, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			id := b.consumer(t, tc.kind, 1)
			b.step(t, id, tc.events...)
			b.rounds(t)
			b.wantQuantities(t, tc.wantTotal, tc.wantInUse)
		})
	}
}

func TestRepairTakesBack(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		attempt   int
		events    []lifecycle.Event
		passes    int
		wantTotal int64
		wantInUse int64
	}{
		"an attempt under way keeps":                       {1, []lifecycle.Event{admitted()}, 5, 5, 2},
		"one about to be admitted keeps for a pass":        {1, nil, 1, 5, 2},
		"one that is not admitted for two passes does not": {1, nil, 2, 5, 0},
		"one that was withdrawn does not either":           {1, []lifecycle.Event{admitted(), lifecycle.Withdrawn{Attempt: 1}}, 2, 5, 0},
		"an attempt that ended gives back, and spent":      {1, []lifecycle.Event{admitted(), bound(), failed()}, 1, 3, 0},
		"a job that ended gives back":                      {1, []lifecycle.Event{lifecycle.Cancelled{}}, 1, 5, 0},
		"an attempt that cannot be gives back":             {7, nil, 2, 5, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			id := b.consumer(t, batch.NonReplenishable, tc.attempt)
			b.step(t, id, tc.events...)
			b.unsettle(t)
			for range tc.passes {
				b.repair(t)
			}
			b.wantQuantities(t, tc.wantTotal, tc.wantInUse)
		})
	}
}

func TestRepairTakesBackFromTheUnknown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := b.store.CreateConsumable(t.Context(), batch.ConsumableResource{Name: resource, Type: batch.Replenishable, TotalQuantity: 5}); err != nil {
		t.Fatal(err)
	}
	b.releaser.cfg.Batch = 1
	b.take(t, "nonsense")
	b.take(t, batch.AttemptID(b.newJob(0, 0).ID, 1))
	b.repair(t)
	b.wantQuantities(t, 5, 2) // a page at a time
	b.repair(t)
	b.wantQuantities(t, 5, 0)
}

// lateAdmission is a store in which a job is admitted at the very moment when its holder gives back.
type lateAdmission struct {
	*storetest.Memory
	admit func()
}

func (s lateAdmission) ReturnConsumables(ctx context.Context, holder string, spent bool) error {
	s.admit()
	return s.Memory.ReturnConsumables(ctx, holder, spent)
}

func TestRepairGivesAgainToALateAdmission(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.consumer(t, batch.Replenishable, 1)
	store := lateAdmission{b.store, func() { b.step(t, id, admitted()) }}
	b.releaser = New(store, noDispatcher{}, Config{Clock: b.clock})
	b.repair(t)
	b.repair(t)
	b.wantQuantities(t, 5, 2)
}
