// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"fmt"
	"maps"
	"strconv"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RunShares holds a store to the rules of ShareStore.
func RunShares(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	run(t, open, map[string]func(*testing.T, Store){
		"a share waits apart from the others":                  testWaitingShares,
		"a share's order: priority, retried, submission":       testWaitingInOrder,
		"a share's jobs come page by page":                     testWaitingInPages,
		"the first pages of many shares are as of each":        testWaitingFirst,
		"a position counts arrays as one, retried apart":       testPosition,
		"what does not wait has no position":                   testNoPosition,
		"attempts under way are charged to their share":        testShareUsage,
		"a share is active from its first job until forgot":    testActiveShares,
		"a share whose jobs wait or run is not forgotten":      testForgetShare,
		"a queue has no more than its number of shares":        testMaxActiveShares,
		"a ledger is kept as it is, by queue":                  testShareLedger,
		"a pace is kept as it is, by queue":                    testPace,
		"what waits is counted by share":                       testWaitingSizes,
		"an entry of an array counts for its untried children": testJobsFirst,
		"a job that begins to wait makes its share active":     testWaitingActivates,
		"an array let go makes its share active, and waits":    testArrayActivates,
		"a job that waits for another does not wait a share":   testPendingWaitsNot,
	})
}

// submitTo stores a job of a share and priority; size 0 makes a single job.
func submitTo(t *testing.T, s Store, q batch.JobQueue, share string, priority, size int) string {
	t.Helper()
	job := newJob(t, q)
	if size > 0 {
		job = newArray(t, q, size)
	}
	job.ShareIdentifier, job.SchedulingPriority = share, priority
	return submitJob(t, s, q, job).ID
}

func wantShares(t *testing.T, s Store, q batch.JobQueue, waiting, active []string) {
	t.Helper()
	got, err := s.WaitingShares(t.Context(), q.Number)
	wantErr(t, err, nil)
	wantEqual(t, got, waiting)
	got, err = s.Shares(t.Context(), q.Number)
	wantErr(t, err, nil)
	wantEqual(t, got, active)
}

func wantWaitingIn(t *testing.T, s Store, q batch.JobQueue, share string, want ...string) {
	t.Helper()
	for _, limit := range []int{1, 2, 3, 100} {
		if got := waitingInBy(t, s, q, share, limit); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("share %q by %d: got %v, want %v", share, limit, got, want)
		}
	}
}

func testWaitingFirst(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	for i, share := range []string{"a", "b", "b", "c", "c", "c", "d"} {
		submitTo(t, s, q, share, 0, []int{0, 0, 0, 0, 3, 0, 2}[i])
	}
	shares := []string{"d", "c", "none", "a", "b"}
	for _, limit := range []int{1, 2, 10} {
		pages, err := s.WaitingFirst(t.Context(), q.Number, shares, limit)
		wantErr(t, err, nil)
		for i, share := range shares {
			jobs, next, err := s.WaitingIn(t.Context(), q.Number, share, "", limit)
			wantErr(t, err, nil)
			wantEqual(t, pages[i], batch.Page{Jobs: jobs, Next: next})
		}
	}
	pages, err := s.WaitingFirst(t.Context(), q.Number, nil, 1)
	wantErr(t, err, nil)
	wantEqual(t, len(pages), 0)
}

func waitingInBy(t *testing.T, s Store, q batch.JobQueue, share string, limit int) []string {
	t.Helper()
	var got []string
	for after, pages := "", 0; ; pages++ {
		jobs, next, err := s.WaitingIn(t.Context(), q.Number, share, after, limit)
		if err != nil || len(jobs) > limit || pages > 1000 {
			t.Fatalf("%d jobs, error %v, page %d", len(jobs), err, pages)
		}
		got = append(got, ids(jobs)...)
		if next == "" {
			return got
		}
		after = next
	}
}

func testWaitingShares(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	a, b, c := submitTo(t, s, q, "red", 0, 0), submitTo(t, s, q, "blue", 0, 0), submitTo(t, s, q, "red", 0, 0)
	wantShares(t, s, q, []string{"blue", "red"}, []string{"blue", "red"})
	wantWaitingIn(t, s, q, "red", a, c)
	wantWaitingIn(t, s, q, "blue", b)
	wantWaitingIn(t, s, q, "green")
	change(t, s, b, admit)
	wantShares(t, s, q, []string{"red"}, []string{"blue", "red"})
	change(t, s, b, end(batch.StatusRunnable))
	wantShares(t, s, q, []string{"blue", "red"}, []string{"blue", "red"})
	wantWaitingIn(t, s, q, "blue", b)
}

func testWaitingInOrder(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	low, lowRetried := submitTo(t, s, q, "x", 1, 0), submitTo(t, s, q, "x", 1, 0)
	first, array, last := submitTo(t, s, q, "x", 7, 0), submitTo(t, s, q, "x", 7, 3), submitTo(t, s, q, "x", 7, 0)
	highest := submitTo(t, s, q, "x", 9999, 0)
	child := func(i int) string { return batch.ChildID(array, i) }
	wantWaitingIn(t, s, q, "x", highest, first, child(0), child(1), child(2), last, low, lowRetried)
	for _, id := range []string{lowRetried, last, child(2), child(0)} {
		change(t, s, id, admit)
		change(t, s, id, end(batch.StatusRunnable))
	}
	wantWaitingIn(t, s, q, "x", highest, child(0), child(2), last, first, child(1), lowRetried, low)
}

func testWaitingInPages(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	var want []string
	for i := range 5 {
		size := []int{0, 4, 0, 1, 3}[i]
		id := submitTo(t, s, q, "", 0, size)
		if size == 0 {
			want = append(want, id)
		}
		for c := range size {
			want = append(want, batch.ChildID(id, c))
		}
	}
	wantWaitingIn(t, s, q, "", want...)
	jobs, next, err := s.WaitingIn(t.Context(), q.Number, "", "", len(want))
	wantErr(t, err, nil)
	wantEqual(t, ids(jobs), want)
	wantEqual(t, next, "")
}

func wantPosition(t *testing.T, s Store, id string, ahead, of int) {
	t.Helper()
	gotAhead, gotOf, err := s.Position(t.Context(), id)
	wantErr(t, err, nil)
	wantEqual(t, []int{gotAhead, gotOf}, []int{ahead, of})
	job, err := s.Job(t.Context(), id)
	wantErr(t, err, nil)
	places, err := s.Positions(t.Context(), []batch.Job{{ID: "nonsense"}, job})
	wantErr(t, err, nil)
	wantEqual(t, places, []batch.Place{{}, {Ahead: ahead, Of: of}})
}

func testPosition(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	submitTo(t, s, q, "other", 0, 0)
	first, array, last := submitTo(t, s, q, "x", 0, 0), submitTo(t, s, q, "x", 0, 4), submitTo(t, s, q, "x", 0, 0)
	child := func(i int) string { return batch.ChildID(array, i) }
	wantPosition(t, s, first, 0, 3)
	wantPosition(t, s, child(0), 1, 3)
	wantPosition(t, s, child(3), 1, 3)
	wantPosition(t, s, last, 2, 3)
	change(t, s, child(3), admit)
	change(t, s, child(3), end(batch.StatusRunnable))
	wantPosition(t, s, child(3), 0, 4)
	wantPosition(t, s, child(0), 2, 4)
	wantPosition(t, s, last, 3, 4)
	for i := range 4 {
		change(t, s, child(i), admit)
	}
	wantPosition(t, s, last, 1, 2)
	change(t, s, child(2), func(j *batch.Job) { j.Current = nil }) // withdrawn: back at the array's place
	wantPosition(t, s, child(2), 1, 3)
}

func testNoPosition(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	admitted, array := submitTo(t, s, q, "", 0, 0), submitTo(t, s, q, "", 0, 2)
	change(t, s, admitted, admit)
	change(t, s, batch.ChildID(array, 1), admit)
	for _, id := range []string{admitted, array, batch.ChildID(array, 1), batch.ChildID(array, 2), newJob(t, q).ID, "nonsense"} {
		_, _, err := s.Position(t.Context(), id)
		wantErr(t, err, batch.ErrNotFound)
	}
}

func testShareUsage(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	a, array := submitTo(t, s, q, "red", 0, 0), submitTo(t, s, q, "blue", 0, 3)
	wantUsage := func(want map[string]int64) {
		t.Helper()
		got, err := s.ShareUsage(t.Context(), q.Number)
		wantErr(t, err, nil)
		wantEqual(t, got, want)
	}
	wantUsage(nil)
	change(t, s, a, admit)
	change(t, s, batch.ChildID(array, 0), admit)
	change(t, s, batch.ChildID(array, 2), admit)
	wantUsage(map[string]int64{"red": 1500, "blue": 3000})
	change(t, s, batch.ChildID(array, 0), end(batch.StatusFailed))
	change(t, s, a, end(batch.StatusRunnable))
	wantUsage(map[string]int64{"blue": 1500})
}

func testActiveShares(t *testing.T, s Store) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	wantShares(t, s, q, nil, nil)
	a := submitTo(t, s, q, "red", 0, 0)
	submitTo(t, s, q, "", 0, 0)
	change(t, s, a, status(batch.StatusFailed))
	wantShares(t, s, q, []string{""}, []string{"", "red"})
	wantErr(t, s.ForgetShare(t.Context(), q.Number, "red"), nil)
	wantErr(t, s.ForgetShare(t.Context(), q.Number, "unknown"), nil)
	wantShares(t, s, q, []string{""}, []string{""})
	wantShares(t, s, other, nil, nil)
}

func testForgetShare(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	job, array := submitTo(t, s, q, "job", 0, 0), submitTo(t, s, q, "array", 0, 2)
	forget := func(want ...string) {
		t.Helper()
		for _, share := range []string{"job", "array"} {
			wantErr(t, s.ForgetShare(t.Context(), q.Number, share), nil)
		}
		got, err := s.Shares(t.Context(), q.Number)
		wantErr(t, err, nil)
		wantEqual(t, got, want)
	}
	forget("array", "job")
	for _, id := range []string{job, batch.ChildID(array, 0), batch.ChildID(array, 1)} {
		change(t, s, id, admit)
	}
	forget("array", "job")
	change(t, s, job, end(batch.StatusSucceeded))
	change(t, s, batch.ChildID(array, 0), end(batch.StatusSucceeded))
	forget("array")
	change(t, s, batch.ChildID(array, 1), end(batch.StatusSucceeded))
	forget()
}

func testMaxActiveShares(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	for i := range MaxActiveShares {
		change(t, s, submitTo(t, s, q, "s"+strconv.Itoa(i), 0, 0), status(batch.StatusFailed))
	}
	one := newJob(t, q)
	one.ShareIdentifier = "more"
	_, err := s.Submit(t.Context(), q.Number, one)
	wantErr(t, err, batch.ErrLimit)
	_, err = s.Job(t.Context(), one.ID)
	wantErr(t, err, batch.ErrNotFound)
	submitTo(t, s, q, "s7", 0, 0)
	wantErr(t, s.ForgetShare(t.Context(), q.Number, "s8"), nil)
	submitJob(t, s, q, one)
	submitJob(t, s, q, one)
}

func testShareLedger(t *testing.T, s Store) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	for _, want := range []string{"", "\x00{}", "two"} {
		if want != "" {
			wantErr(t, s.SaveShareLedger(t.Context(), q.Number, []byte(want)), nil)
		}
		got, err := s.LoadShareLedger(t.Context(), q.Number)
		wantErr(t, err, nil)
		wantEqual(t, string(got), want)
	}
	got, err := s.LoadShareLedger(t.Context(), other.Number)
	wantErr(t, err, nil)
	wantEqual(t, len(got), 0)
}

func testPace(t *testing.T, s Store) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	for _, want := range []string{"", "one", "two"} {
		if want != "" {
			wantErr(t, s.SavePace(t.Context(), q.Number, []byte(want)), nil)
		}
		got, err := s.LoadPace(t.Context(), q.Number)
		wantErr(t, err, nil)
		wantEqual(t, string(got), want)
	}
	got, err := s.LoadPace(t.Context(), other.Number)
	wantErr(t, err, nil)
	wantEqual(t, len(got), 0)
}

func testWaitingSizes(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	sizes, err := s.WaitingSizes(t.Context(), q.Number)
	wantErr(t, err, nil)
	wantEqual(t, len(sizes), 0)
	for _, share := range []string{"a", "b", "a"} {
		submitTo(t, s, q, share, 0, 0)
	}
	array := newJob(t, q)
	array.ShareIdentifier, array.ArraySize, array.Status = "b", 5, batch.StatusPending
	submitJob(t, s, q, array)
	sizes, err = s.WaitingSizes(t.Context(), q.Number)
	wantErr(t, err, nil)
	wantEqual(t, sizes["a"], 2)
	wantEqual(t, sizes["b"], 2)
	wantEqual(t, len(sizes), 2)
}

func testJobsFirst(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	want := func(want map[string]int, entries map[string]int) {
		t.Helper()
		got, err := s.JobsFirst(t.Context(), q.Number, entries)
		wantErr(t, err, nil)
		wantEqual(t, maps.Equal(got, want), true)
	}
	want(nil, nil)
	want(nil, map[string]int{"x": 5})
	submit(t, s, q)
	array := submitArray(t, s, q, 5)
	submit(t, s, q)
	share := array.ShareIdentifier
	want(nil, map[string]int{share: 0})
	want(map[string]int{share: 1}, map[string]int{share: 1})
	want(map[string]int{share: 6}, map[string]int{share: 2})
	want(map[string]int{share: 7}, map[string]int{share: 3})
	want(map[string]int{share: 7}, map[string]int{share: 100, "none": 3})
	change(t, s, batch.ChildID(array.ID, 1), admit)
	want(map[string]int{share: 5}, map[string]int{share: 2})
	change(t, s, batch.ChildID(array.ID, 1), func(j *batch.Job) { j.Current = nil }) // withdrawn: it waits as before
	want(map[string]int{share: 6}, map[string]int{share: 2})
	change(t, s, batch.ChildID(array.ID, 1), admit)
	change(t, s, batch.ChildID(array.ID, 1), end(batch.StatusRunnable)) // it is tried again, by an entry of its own
	want(map[string]int{share: 7}, map[string]int{share: 4})
}

func testWaitingActivates(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	id := submitPending(t, s, q, 0)
	wantShares(t, s, q, nil, []string{"x"})
	wantErr(t, s.ForgetShare(t.Context(), q.Number, "x"), nil)
	wantShares(t, s, q, nil, nil)
	change(t, s, id, func(j *batch.Job) { j.Unmet, j.Status = nil, batch.StatusRunnable })
	wantShares(t, s, q, []string{"x"}, []string{"x"})
}

// submitPending stores a job or array, of share x, that waits for another.
func submitPending(t *testing.T, s Store, q batch.JobQueue, size int) string {
	t.Helper()
	job := newJob(t, q)
	job.ArraySize, job.ShareIdentifier, job.Status = size, "x", batch.StatusPending
	job.Unmet = []string{newJob(t, q).ID}
	job.DependsOn = []batch.Dependency{{JobID: job.Unmet[0]}}
	return submitJob(t, s, q, job).ID
}

func testArrayActivates(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	id := submitPending(t, s, q, 2)
	wantErr(t, s.ForgetShare(t.Context(), q.Number, "x"), nil)
	wantShares(t, s, q, nil, nil)
	change(t, s, id, meet)
	wantShares(t, s, q, []string{"x"}, []string{"x"})
	wantWaitingIn(t, s, q, "x", batch.ChildID(id, 0), batch.ChildID(id, 1))
}

func testPendingWaitsNot(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	a, b := submitPending(t, s, q, 0), submitPending(t, s, q, 2)
	wantWaitingIn(t, s, q, "x")
	for _, id := range []string{a, b, batch.ChildID(b, 0)} {
		_, _, err := s.Position(t.Context(), id)
		wantErr(t, err, batch.ErrNotFound)
	}
}
