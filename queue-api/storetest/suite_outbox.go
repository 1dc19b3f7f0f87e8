// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RunOutbox holds a store to the rules of OutboxStore.
func RunOutbox(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	run(t, open, map[string]func(*testing.T, Store){
		"each change of status is one entry with its reason":      testStatusChanges,
		"what follows the newest entry is new":                    testLastStatusChange,
		"entries are read on from a cursor":                       testStatusChangePages,
		"a newly blocked job is an entry, its words are not":      testBlockedEntry,
		"children have entries, those without a record have none": testChildEntries,
		"a sink's cursor is remembered, by sink and queue":        testDeliveryCursor,
		"entries are dated":                                       testEntriesAreDated,
		"a step of the history takes the place of an old one":     testHistory,
	})
}

func statusChanges(t *testing.T, s Store, q batch.JobQueue, after string, limit int) []batch.StatusChange {
	t.Helper()
	got, err := s.StatusChanges(t.Context(), q.Number, after, limit)
	wantErr(t, err, nil)
	return got
}

// wantChanges compares entries without cursor and time.
func wantChanges(t *testing.T, got, want []batch.StatusChange) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(batch.StatusChange{}, "Cursor", "At")); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

func failWith(reason string) func(*batch.Job) {
	return func(j *batch.Job) {
		status(batch.StatusFailed)(j)
		j.StatusReason = reason
	}
}

func testStatusChanges(t *testing.T, s Store) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	a, b := submit(t, s, q).ID, submit(t, s, q).ID
	change(t, s, a, admit)
	change(t, s, a, status(batch.StatusStarting))
	change(t, s, b, failWith("it did: \"so\"\n"))
	wantChanges(t, statusChanges(t, s, q, "", 10), []batch.StatusChange{
		{JobID: a, To: batch.StatusRunnable},
		{JobID: b, To: batch.StatusRunnable},
		{JobID: a, From: batch.StatusRunnable, To: batch.StatusStarting},
		{JobID: b, From: batch.StatusRunnable, To: batch.StatusFailed, Reason: "it did: \"so\"\n"},
	})
	wantChanges(t, statusChanges(t, s, other, "", 10), nil)
}

func testStatusChangePages(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	var want, got []batch.StatusChange
	for range 5 {
		want = append(want, batch.StatusChange{JobID: submit(t, s, q).ID, To: batch.StatusRunnable})
	}
	after := ""
	for range 4 {
		page := statusChanges(t, s, q, after, 2)
		got = append(got, page...)
		if len(page) > 0 {
			after = page[len(page)-1].Cursor
		}
	}
	wantChanges(t, got, want)
	late := submit(t, s, q)
	wantChanges(t, statusChanges(t, s, q, after, 2), []batch.StatusChange{{JobID: late.ID, To: batch.StatusRunnable}})
	wantChanges(t, statusChanges(t, s, q, got[3].Cursor, 1), want[4:])
}

func testLastStatusChange(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	for range 3 {
		last, err := s.LastStatusChange(t.Context(), q.Number)
		wantErr(t, err, nil)
		wantChanges(t, statusChanges(t, s, q, last, 10), nil)
		job := submit(t, s, q)
		wantChanges(t, statusChanges(t, s, q, last, 10), []batch.StatusChange{{JobID: job.ID, To: batch.StatusRunnable}})
	}
}

func testBlockedEntry(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	id := submit(t, s, q).ID
	blocked := func(reason string, since time.Time) {
		change(t, s, id, func(j *batch.Job) { j.StatusReason, j.BlockedAt = reason, since })
	}
	blocked("CAPACITY:X - one", at)
	blocked("CAPACITY:X - two", at)
	blocked("MISCONFIGURATION:Y - one", at.Add(time.Second))
	blocked("", time.Time{})
	change(t, s, id, func(j *batch.Job) { status(batch.StatusFailed)(j); j.BlockedAt = at })
	wantChanges(t, statusChanges(t, s, q, "", 10), []batch.StatusChange{
		{JobID: id, To: batch.StatusRunnable},
		{JobID: id, From: batch.StatusRunnable, To: batch.StatusRunnable, Reason: "CAPACITY:X - one"},
		{JobID: id, From: batch.StatusRunnable, To: batch.StatusRunnable, Reason: "MISCONFIGURATION:Y - one"},
		{JobID: id, From: batch.StatusRunnable, To: batch.StatusFailed},
	})
}

func testChildEntries(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := newArray(t, q, 3)
	array.Unmet = []string{newJob(t, q).ID}
	array.DependsOn = []batch.Dependency{{JobID: array.Unmet[0]}}
	submitJob(t, s, q, array)
	child := batch.ChildID(array.ID, 1)
	change(t, s, array.ID, meet)
	change(t, s, child, admit)
	change(t, s, child, status(batch.StatusStarting))
	change(t, s, array.ID, rest)
	change(t, s, child, failWith("enough"))
	change(t, s, array.ID, failWith("enough"))
	wantChanges(t, statusChanges(t, s, q, "", 10), []batch.StatusChange{
		{JobID: array.ID, To: batch.StatusPending},
		{JobID: child, From: batch.StatusRunnable, To: batch.StatusStarting},
		{JobID: child, From: batch.StatusStarting, To: batch.StatusFailed, Reason: "enough"},
		{JobID: array.ID, From: batch.StatusPending, To: batch.StatusFailed, Reason: "enough"},
	})
}

func testDeliveryCursor(t *testing.T, s Store) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	wantErr(t, s.SetDeliveryCursor(t.Context(), "https://one", q.Number, "7-0"), nil)
	wantErr(t, s.SetDeliveryCursor(t.Context(), "https://one", q.Number, "8-0"), nil)
	wantErr(t, s.SetDeliveryCursor(t.Context(), "two", q.Number, "9-0"), nil)
	for _, tc := range []struct {
		sink  string
		queue int
		want  string
	}{{"https://one", q.Number, "8-0"}, {"two", q.Number, "9-0"}, {"https://one", other.Number, ""}, {"three", q.Number, ""}} {
		got, err := s.DeliveryCursor(t.Context(), tc.sink, tc.queue)
		wantErr(t, err, nil)
		wantEqual(t, got, tc.want)
	}
}

func testEntriesAreDated(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	began := time.Now()
	submit(t, s, q)
	submit(t, s, q)
	got := statusChanges(t, s, q, "", 10)
	for _, c := range got {
		if c.At.Before(began.Add(-time.Minute)) || c.At.After(time.Now().Add(time.Minute)) {
			t.Errorf("dated %v", c.At)
		}
	}
	if got[1].At.Before(got[0].At) || got[0].Cursor == got[1].Cursor {
		t.Errorf("got %v", got)
	}
}

func testHistory(t *testing.T, s Store) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	for _, record := range []string{"old", "new"} {
		wantErr(t, s.SaveStep(t.Context(), q.Number, 7, []byte(record)), nil)
	}
	wantErr(t, s.SaveStep(t.Context(), q.Number, 8, []byte("next")), nil)
	got, err := s.Steps(t.Context(), []int{other.Number, q.Number})
	wantErr(t, err, nil)
	if len(got) != 2 || len(got[0]) != 0 {
		t.Fatalf("got %q", got)
	}
	slices.SortFunc(got[1], bytes.Compare)
	wantEqual(t, fmt.Sprintf("%s", got[1]), "[new next]")
}
