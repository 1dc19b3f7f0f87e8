// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RunConsumables holds a store to the rules of ConsumableStore.
func RunConsumables(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	run(t, open, map[string]func(*testing.T, Store){
		"resources are created, changed and deleted by name":     testConsumableRecords,
		"a holder takes all it wants or nothing":                 testTakeAllOrNothing,
		"a holder takes once, however often it asks":             testTakeTwice,
		"what is returned may be taken again":                    testReturn,
		"what is not replenishable is spent by an attempt":       testSpent,
		"a reduced total lets holders go on":                     testReducedTotal,
		"a deleted resource is forgotten by its holders":         testDeletedConsumable,
		"many takers never take more than there is":              testTakersRace,
		"an update in the middle of takers loses nothing":        testUpdateAmongTakers,
		"a queue's consumers are listed, finished ones too":      testListConsumers,
		"a taker that wants nothing has it and holds nothing":    testTakeNothing,
		"a holder of several resources returns and spends apart": testReturnSeveral,
	})
}

func want(name string, quantity int64) batch.ConsumableRequirement {
	return batch.ConsumableRequirement{Name: name, Quantity: quantity}
}

func newConsumable(t *testing.T, s Store, name, kind string, total int64) batch.ConsumableResource {
	t.Helper()
	c := batch.ConsumableResource{Name: name, Type: kind, TotalQuantity: total, CreatedAt: at, Tags: map[string]string{"a": "b"}}
	wantErr(t, s.CreateConsumable(t.Context(), c), nil)
	return c
}

func wantTaken(t *testing.T, s Store, holder, short string, wants ...batch.ConsumableRequirement) {
	t.Helper()
	got, err := s.TakeConsumables(t.Context(), holder, wants)
	wantErr(t, err, nil)
	wantEqual(t, got, short)
}

// wantQuantities compares total and in use.
func wantQuantities(t *testing.T, s Store, name string, total, inUse int64) {
	t.Helper()
	c, err := s.Consumable(t.Context(), name)
	wantErr(t, err, nil)
	wantEqual(t, []int64{c.TotalQuantity, c.InUseQuantity}, []int64{total, inUse})
}

func wantHolders(t *testing.T, s Store, holders ...string) {
	t.Helper()
	got, err := s.ConsumableHolders(t.Context())
	wantErr(t, err, nil)
	wantEqual(t, got, holders)
}

func testConsumableRecords(t *testing.T, s Store) {
	t.Helper()
	_, err := s.Consumable(t.Context(), "b")
	wantErr(t, err, batch.ErrNotFound)
	b, a := newConsumable(t, s, "b", batch.Replenishable, 3), newConsumable(t, s, "a", batch.NonReplenishable, 0)
	wantErr(t, s.CreateConsumable(t.Context(), a), batch.ErrExists)
	all, err := s.Consumables(t.Context())
	wantErr(t, err, nil)
	wantEqual(t, all, []batch.ConsumableResource{a, b})
	b.TotalQuantity, b.Updates = 9, []batch.ConsumableUpdate{{Token: "t", Digest: "d", At: at}}
	got, err := s.UpdateConsumable(t.Context(), "b", func(c *batch.ConsumableResource) error {
		c.TotalQuantity, c.Updates = b.TotalQuantity, b.Updates
		return nil
	})
	wantErr(t, err, nil)
	wantEqual(t, got, b)
	refusal := errors.New("no")
	_, err = s.UpdateConsumable(t.Context(), "b", func(c *batch.ConsumableResource) error { c.TotalQuantity = 1; return refusal })
	wantErr(t, err, refusal)
	got, err = s.Consumable(t.Context(), "b")
	wantErr(t, err, nil)
	wantEqual(t, got, b)
	for range 2 {
		wantErr(t, s.DeleteConsumable(t.Context(), "b"), nil)
	}
	_, err = s.UpdateConsumable(t.Context(), "b", func(*batch.ConsumableResource) error { return nil })
	wantErr(t, err, batch.ErrNotFound)
}

func testTakeAllOrNothing(t *testing.T, s Store) {
	t.Helper()
	newConsumable(t, s, "a", batch.Replenishable, 5)
	newConsumable(t, s, "b", batch.Replenishable, 1)
	wantTaken(t, s, "h1", "", want("a", 3), want("b", 1))
	wantTaken(t, s, "h2", "b", want("a", 1), want("b", 1))
	wantTaken(t, s, "h2", "a", want("a", 3))
	wantTaken(t, s, "h2", "none", want("a", 1), want("none", 1))
	wantQuantities(t, s, "a", 5, 3)
	wantQuantities(t, s, "b", 1, 1)
	wantHolders(t, s, "h1")
	wantTaken(t, s, "h2", "", want("a", 2))
	wantQuantities(t, s, "a", 5, 5)
	wantHolders(t, s, "h1", "h2")
}

func testTakeTwice(t *testing.T, s Store) {
	t.Helper()
	newConsumable(t, s, "a", batch.Replenishable, 3)
	for range 2 {
		wantTaken(t, s, "h", "", want("a", 2))
	}
	wantQuantities(t, s, "a", 3, 2)
}

func testTakeNothing(t *testing.T, s Store) {
	t.Helper()
	wantTaken(t, s, "h", "")
	wantHolders(t, s)
}

func testReturn(t *testing.T, s Store) {
	t.Helper()
	newConsumable(t, s, "a", batch.Replenishable, 3)
	for range 2 {
		wantTaken(t, s, "h", "", want("a", 3))
		for range 2 {
			wantErr(t, s.ReturnConsumables(t.Context(), "h", true), nil)
		}
		wantQuantities(t, s, "a", 3, 0)
		wantHolders(t, s)
	}
}

func testSpent(t *testing.T, s Store) {
	t.Helper()
	newConsumable(t, s, "a", batch.NonReplenishable, 5)
	wantTaken(t, s, "h1", "", want("a", 2))
	wantTaken(t, s, "h2", "", want("a", 2))
	wantErr(t, s.ReturnConsumables(t.Context(), "h1", true), nil)
	wantQuantities(t, s, "a", 3, 2)
	wantErr(t, s.ReturnConsumables(t.Context(), "h2", false), nil)
	wantQuantities(t, s, "a", 3, 0)
}

func testReturnSeveral(t *testing.T, s Store) {
	t.Helper()
	newConsumable(t, s, "a", batch.NonReplenishable, 5)
	newConsumable(t, s, "b", batch.Replenishable, 5)
	wantTaken(t, s, "h", "", want("b", 4), want("a", 3))
	wantErr(t, s.ReturnConsumables(t.Context(), "h", true), nil)
	wantQuantities(t, s, "a", 2, 0)
	wantQuantities(t, s, "b", 5, 0)
}

func setTotal(t *testing.T, s Store, name string, total int64) {
	t.Helper()
	_, err := s.UpdateConsumable(t.Context(), name, func(c *batch.ConsumableResource) error { c.TotalQuantity = total; return nil })
	wantErr(t, err, nil)
}

func testReducedTotal(t *testing.T, s Store) {
	t.Helper()
	newConsumable(t, s, "a", batch.Replenishable, 5)
	wantTaken(t, s, "h", "", want("a", 4))
	setTotal(t, s, "a", 2)
	wantQuantities(t, s, "a", 2, 4)
	wantTaken(t, s, "h2", "a", want("a", 1))
	wantErr(t, s.ReturnConsumables(t.Context(), "h", true), nil)
	wantTaken(t, s, "h2", "", want("a", 2))
}

func testDeletedConsumable(t *testing.T, s Store) {
	t.Helper()
	newConsumable(t, s, "a", batch.Replenishable, 5)
	newConsumable(t, s, "b", batch.Replenishable, 5)
	wantTaken(t, s, "h1", "", want("a", 5))
	wantTaken(t, s, "h2", "", want("b", 5))
	wantErr(t, s.DeleteConsumable(t.Context(), "a"), nil)
	wantHolders(t, s, "h2")
	newConsumable(t, s, "a", batch.Replenishable, 2)
	wantErr(t, s.ReturnConsumables(t.Context(), "h1", true), nil)
	wantQuantities(t, s, "a", 2, 0)
}

func testTakersRace(t *testing.T, s Store) {
	t.Helper()
	newConsumable(t, s, "a", batch.Replenishable, 5)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, err := s.TakeConsumables(t.Context(), string(rune('a'+i)), []batch.ConsumableRequirement{want("a", 2)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantQuantities(t, s, "a", 5, 4)
	holders, err := s.ConsumableHolders(t.Context())
	wantErr(t, err, nil)
	wantEqual(t, len(holders), 2)
}

func testUpdateAmongTakers(t *testing.T, s Store) {
	t.Helper()
	newConsumable(t, s, "a", batch.Replenishable, 100)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := s.TakeConsumables(t.Context(), string(rune('a'+i)), []batch.ConsumableRequirement{want("a", 1)}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			_, err := s.UpdateConsumable(t.Context(), "a", func(c *batch.ConsumableResource) error { c.TotalQuantity++; return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantQuantities(t, s, "a", 108, 8)
}

func testListConsumers(t *testing.T, s Store) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	var wantIDs []string
	for i := range 5 {
		job := newJob(t, q)
		job.Consumables = []batch.ConsumableRequirement{want("b", 1), want("a", 2)}
		if i == 3 {
			job.ArraySize, job.Status = 2, batch.StatusPending
		}
		wantIDs = append(wantIDs, submitJob(t, s, q, job).ID)
	}
	submit(t, s, q)
	elsewhere := newJob(t, other)
	elsewhere.Consumables = []batch.ConsumableRequirement{want("a", 1)}
	submitJob(t, s, other, elsewhere)
	change(t, s, wantIDs[1], func(j *batch.Job) { j.Status, j.StoppedAt = batch.StatusFailed, at })
	slices.Reverse(wantIDs)
	for _, limit := range []int{1, 2, 10} {
		var got []string
		for after, pages := "", 0; pages < 10; pages++ {
			jobs, next, err := s.ListConsumers(t.Context(), q.Number, "a", after, limit)
			wantErr(t, err, nil)
			got = append(got, ids(jobs)...)
			if next == "" {
				break
			}
			after = next
		}
		wantEqual(t, got, wantIDs)
	}
	jobs, _, err := s.ListConsumers(t.Context(), q.Number, "none", "", 10)
	wantErr(t, err, nil)
	wantEqual(t, len(jobs), 0)
}
