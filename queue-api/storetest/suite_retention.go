// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RunRetention holds a store to the rules of RetentionStore. open gives an empty store that keeps finished jobs so long
// by that clock.
func RunRetention(t *testing.T, open func(t *testing.T, retention time.Duration, clock *clocktesting.FakeClock) Store) {
	t.Helper()
	const retention = 7 * 24 * time.Hour
	for name, test := range map[string]func(*testing.T, Store, func(time.Duration)){
		"a finished job is kept for the retention, then forgotten": testPrune,
		"what has not finished is never forgotten":                 testPruneKeeps,
		"an array is forgotten with its children, not before":      testPruneArray,
		"jobs of a deleted queue are forgotten, too":               testPruneDeleted,
	} {
		t.Run(name, func(t *testing.T) {
			clock := clocktesting.NewFakeClock(at)
			test(t, open(t, retention, clock), clock.Step)
		})
	}
}

func wantGone(t *testing.T, s Store, jobIDs ...string) {
	t.Helper()
	for _, id := range jobIDs {
		_, err := s.Job(t.Context(), id)
		wantErr(t, err, batch.ErrNotFound)
		_, err = s.Transition(t.Context(), id, func(j batch.Job) (batch.Job, error) { return j, nil })
		wantErr(t, err, batch.ErrNotFound)
	}
}

func failAt(when time.Time) func(*batch.Job) {
	return func(j *batch.Job) {
		status(batch.StatusFailed)(j)
		j.StoppedAt = when
	}
}

func testPrune(t *testing.T, s Store, pass func(time.Duration)) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	consumer := newJob(t, q)
	consumer.Consumables = []batch.ConsumableRequirement{want("a", 1)}
	early, late, elsewhere := submitJob(t, s, q, consumer).ID, submit(t, s, q).ID, submit(t, s, other).ID
	change(t, s, early, failAt(at))
	change(t, s, elsewhere, failAt(at))
	pass(24 * time.Hour)
	change(t, s, late, failAt(at.Add(24*time.Hour)))
	pass(6*24*time.Hour - time.Minute)
	wantErr(t, s.Prune(t.Context(), q.Number), nil)
	load(t, s, early)
	pass(2 * time.Minute)
	for range 2 {
		wantErr(t, s.Prune(t.Context(), q.Number), nil)
	}
	wantGone(t, s, early)
	load(t, s, late)
	load(t, s, elsewhere)
	jobs, _, err := s.ListJobs(t.Context(), q.Number, batch.StatusFailed, "", 10)
	wantErr(t, err, nil)
	wantEqual(t, ids(jobs), []string{late})
	jobs, _, err = s.ListConsumers(t.Context(), q.Number, "a", "", 10)
	wantErr(t, err, nil)
	wantEqual(t, len(jobs), 0)
	pass(24 * time.Hour)
	wantErr(t, s.Prune(t.Context(), q.Number), nil)
	wantGone(t, s, late)
}

func testPruneKeeps(t *testing.T, s Store, pass func(time.Duration)) {
	t.Helper()
	q := newQueue(t, s)
	waits, runs, array := submit(t, s, q).ID, submit(t, s, q).ID, submitArray(t, s, q, 2).ID
	change(t, s, runs, admit)
	pass(365 * 24 * time.Hour)
	wantErr(t, s.Prune(t.Context(), q.Number), nil)
	for _, id := range []string{waits, runs, array, batch.ChildID(array, 0)} {
		load(t, s, id)
	}
}

func testPruneArray(t *testing.T, s Store, pass func(time.Duration)) {
	t.Helper()
	q := newQueue(t, s)
	array := submitArray(t, s, q, 3).ID
	change(t, s, batch.ChildID(array, 1), failAt(at))
	pass(30 * 24 * time.Hour)
	now := at.Add(30 * 24 * time.Hour)
	wantErr(t, s.Prune(t.Context(), q.Number), nil)
	wantEqual(t, load(t, s, batch.ChildID(array, 1)).Status, batch.StatusFailed)
	change(t, s, array, func(j *batch.Job) { j.Rest = &batch.Rest{StoppedAt: now} })
	change(t, s, array, failAt(now))
	pass(6 * 24 * time.Hour)
	wantErr(t, s.Prune(t.Context(), q.Number), nil)
	load(t, s, batch.ChildID(array, 1))
	pass(25 * time.Hour)
	wantErr(t, s.Prune(t.Context(), q.Number), nil)
	wantGone(t, s, array, batch.ChildID(array, 0), batch.ChildID(array, 1))
	_, _, err := s.ListChildren(t.Context(), array, "", 0, 10)
	wantErr(t, err, batch.ErrNotFound)
	jobs, _, err := s.ListJobs(t.Context(), q.Number, batch.StatusFailed, "", 10)
	wantErr(t, err, nil)
	wantEqual(t, len(jobs), 0)
}

func testPruneDeleted(t *testing.T, s Store, pass func(time.Duration)) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	gone, kept := submit(t, s, q).ID, submit(t, s, other).ID
	for _, id := range []string{gone, kept} {
		change(t, s, id, failAt(at))
	}
	wantErr(t, s.CloseQueue(t.Context(), q.Number), nil)
	for range 2 {
		wantErr(t, s.DeleteQueue(t.Context(), q.Name), nil)
	}
	wantErr(t, s.PruneDeleted(t.Context()), nil)
	load(t, s, gone)
	pass(8 * 24 * time.Hour)
	for range 2 {
		wantErr(t, s.PruneDeleted(t.Context()), nil)
	}
	wantGone(t, s, gone)
	load(t, s, kept)
	_, err := s.Submit(t.Context(), q.Number, newJob(t, q))
	wantErr(t, err, batch.ErrNotFound)
}
