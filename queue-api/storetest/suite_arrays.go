// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RunArrays holds a store to the rules of ArrayStore.
func RunArrays(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	run(t, open, map[string]func(*testing.T, Store){
		"a child without a record is made from its array":        testVirtualChild,
		"a child that does not exist is not found":               testNoSuchChild,
		"a child gets a record with its first transition":        testChildRecord,
		"a child's transition moves its array's counts":          testChildCounts,
		"the statuses of all children come at once":              testChildStatuses,
		"a step cannot write an array's counts":                  testCountsAreTheStores,
		"children run as jobs in index order at array's place":   testChildrenWait,
		"children under way are live and charged":                testChildrenLive,
		"the rest of an array fails at once":                     testRest,
		"children wait with their array and are let go with it":  testArrayLetGo,
		"children that wait one by one are not let go together":  testOwnDependenciesStay,
		"children are listed by status, page by page":            testListChildren,
		"arrays are listed, their children are not":              testArraysAreListed,
		"submitting an array again changes nothing":              testSubmitArrayTwice,
		"transitions of many children at once are all counted":   testChildrenRace,
		"an array of 10,000 is submitted, read and failed whole": testLargeArray,
	})
}

// run runs each test with a store of its own.
func run(t *testing.T, open func(t *testing.T) Store, tests map[string]func(*testing.T, Store)) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func newArray(t *testing.T, q batch.JobQueue, size int) batch.Job {
	t.Helper()
	job := newJob(t, q)
	job.ArraySize, job.Status = size, batch.StatusPending
	return job
}

func submitJob(t *testing.T, s Store, q batch.JobQueue, job batch.Job) batch.Job {
	t.Helper()
	stored, err := s.Submit(t.Context(), q.Number, job)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func submitArray(t *testing.T, s Store, q batch.JobQueue, size int) batch.Job {
	t.Helper()
	return submitJob(t, s, q, newArray(t, q, size))
}

func load(t *testing.T, s Store, id string) batch.Job {
	t.Helper()
	job, err := s.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// status is a change to another status without more.
func status(to batch.JobStatus) func(*batch.Job) {
	return func(j *batch.Job) {
		j.Status = to
		if to.IsTerminal() {
			j.StoppedAt, j.Current = at, nil
		}
	}
}

func rest(j *batch.Job) {
	j.Stop = &batch.Stop{Kind: batch.StopTerminated, Reason: "enough"}
	j.Rest = &batch.Rest{Reason: "enough", StoppedAt: at}
}

func meet(j *batch.Job) { j.Unmet = nil }

func statusesOf(t *testing.T, s Store, array batch.Job) []batch.JobStatus {
	t.Helper()
	var out []batch.JobStatus
	for i := range array.ArraySize {
		out = append(out, load(t, s, batch.ChildID(array.ID, i)).Status)
	}
	return out
}

func testVirtualChild(t *testing.T, s Store) {
	t.Helper()
	array := submitArray(t, s, newQueue(t, s), 3)
	wantEqual(t, array.Children, map[batch.JobStatus]int{batch.StatusRunnable: 3})
	want := array.Child(2, batch.StatusRunnable)
	wantEqual(t, load(t, s, want.ID), want)
	jobs, err := s.Jobs(t.Context(), []string{want.ID, array.ID})
	wantErr(t, err, nil)
	wantEqual(t, jobs, []batch.Job{want, array})
}

func testNoSuchChild(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array, single := submitArray(t, s, q, 3), submit(t, s, q)
	for _, id := range []string{batch.ChildID(array.ID, 3), batch.ChildID(single.ID, 0), batch.ChildID(newJob(t, q).ID, 0), array.ID + ":x", array.ID + ":01"} {
		_, err := s.Job(t.Context(), id)
		wantErr(t, err, batch.ErrNotFound)
		_, err = s.Transition(t.Context(), id, func(j batch.Job) (batch.Job, error) { return j, nil })
		wantErr(t, err, batch.ErrNotFound)
		jobs, err := s.Jobs(t.Context(), []string{id})
		wantErr(t, err, nil)
		wantEqual(t, jobs, []batch.Job{})
	}
	for _, id := range []string{single.ID, newJob(t, q).ID} {
		_, _, err := s.ListChildren(t.Context(), id, "", 0, 10)
		wantErr(t, err, batch.ErrNotFound)
	}
}

func testChildRecord(t *testing.T, s Store) {
	t.Helper()
	array := submitArray(t, s, newQueue(t, s), 3)
	id := batch.ChildID(array.ID, 1)
	got := change(t, s, id, admit)
	want := array.Child(1, batch.StatusRunnable)
	admit(&want)
	want.Version = got.Version
	wantEqual(t, got, want)
	wantEqual(t, load(t, s, id), want)
	change(t, s, id, status(batch.StatusStarting))
	ended := change(t, s, id, end(batch.StatusFailed))
	wantEqual(t, load(t, s, id), ended)
	wantEqual(t, load(t, s, batch.ChildID(array.ID, 2)), array.Child(2, batch.StatusRunnable))
}

func testChildCounts(t *testing.T, s Store) {
	t.Helper()
	array := submitArray(t, s, newQueue(t, s), 4)
	for i, steps := range [][]func(*batch.Job){
		{admit},
		{admit, status(batch.StatusStarting)},
		{admit, status(batch.StatusStarting), status(batch.StatusRunning), end(batch.StatusSucceeded)},
		{status(batch.StatusFailed)},
	} {
		for _, step := range steps {
			change(t, s, batch.ChildID(array.ID, i), step)
		}
	}
	wantEqual(t, load(t, s, array.ID).Children, map[batch.JobStatus]int{
		batch.StatusRunnable: 1, batch.StatusStarting: 1, batch.StatusSucceeded: 1, batch.StatusFailed: 1,
	})
}

func testCountsAreTheStores(t *testing.T, s Store) {
	t.Helper()
	array := submitArray(t, s, newQueue(t, s), 2)
	got := change(t, s, array.ID, func(j *batch.Job) {
		j.StatusReason, j.Children = "x", map[batch.JobStatus]int{batch.StatusFailed: 7}
	})
	wantEqual(t, got.Children, map[batch.JobStatus]int{batch.StatusRunnable: 2})
	wantEqual(t, load(t, s, array.ID), got)
}

func waitingIDs(t *testing.T, s Store, q batch.JobQueue) []string {
	t.Helper()
	jobs, _, err := s.WaitingIn(t.Context(), q.Number, "", "", 100)
	wantErr(t, err, nil)
	return ids(jobs)
}

func testChildrenWait(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	before, array, after := submit(t, s, q), submitArray(t, s, q, 3), submit(t, s, q)
	child := func(i int) string { return batch.ChildID(array.ID, i) }
	wantEqual(t, waitingIDs(t, s, q), []string{before.ID, child(0), child(1), child(2), after.ID})
	change(t, s, child(1), admit)
	wantEqual(t, waitingIDs(t, s, q), []string{before.ID, child(0), child(2), after.ID})
	change(t, s, child(1), func(j *batch.Job) { j.Current = nil }) // withdrawn
	wantEqual(t, waitingIDs(t, s, q), []string{before.ID, child(0), child(1), child(2), after.ID})
	change(t, s, child(1), admit)
	change(t, s, child(1), end(batch.StatusRunnable))
	wantEqual(t, waitingIDs(t, s, q), []string{child(1), before.ID, child(0), child(2), after.ID})
}

func testChildrenLive(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitArray(t, s, q, 3)
	a, b := batch.ChildID(array.ID, 0), batch.ChildID(array.ID, 2)
	change(t, s, a, admit)
	change(t, s, b, admit)
	wantLive(t, s, q, []string{a, b}, map[string]int64{"ce": 3000})
	change(t, s, a, end(batch.StatusRunnable))
	change(t, s, b, end(batch.StatusFailed))
	wantLive(t, s, q, nil, nil)
}

func testRest(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitArray(t, s, q, 4)
	change(t, s, batch.ChildID(array.ID, 0), admit)
	change(t, s, batch.ChildID(array.ID, 1), status(batch.StatusSucceeded))
	array = change(t, s, array.ID, rest)
	wantEqual(t, array.Children, map[batch.JobStatus]int{batch.StatusRunnable: 1, batch.StatusSucceeded: 1, batch.StatusFailed: 2})
	wantEqual(t, load(t, s, array.ID), array)
	wantEqual(t, array.Status, batch.StatusPending)
	wantEqual(t, statusesOf(t, s, array), []batch.JobStatus{batch.StatusRunnable, batch.StatusSucceeded, batch.StatusFailed, batch.StatusFailed})
	wantEqual(t, load(t, s, batch.ChildID(array.ID, 3)), array.Child(3, batch.StatusFailed))
	wantEqual(t, waitingIDs(t, s, q), []string{})
	change(t, s, batch.ChildID(array.ID, 0), status(batch.StatusFailed))
	wantEqual(t, load(t, s, array.ID).Children, map[batch.JobStatus]int{batch.StatusSucceeded: 1, batch.StatusFailed: 3})
}

func testArrayLetGo(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	other := submit(t, s, q)
	array := newArray(t, q, 3)
	array.DependsOn, array.Unmet = []batch.Dependency{{JobID: other.ID}}, []string{other.ID}
	array = submitJob(t, s, q, array)
	wantEqual(t, array.Children, map[batch.JobStatus]int{batch.StatusPending: 3})
	wantEqual(t, load(t, s, batch.ChildID(array.ID, 1)), array.Child(1, batch.StatusPending))
	wantEqual(t, waitingIDs(t, s, q), []string{other.ID})
	change(t, s, batch.ChildID(array.ID, 1), status(batch.StatusFailed))
	array = change(t, s, array.ID, meet)
	wantEqual(t, array.Children, map[batch.JobStatus]int{batch.StatusRunnable: 2, batch.StatusFailed: 1})
	wantEqual(t, waitingIDs(t, s, q), []string{other.ID, batch.ChildID(array.ID, 0), batch.ChildID(array.ID, 2)})
}

// newSequence is an array whose children run one after the other, and wait for a job before.
func newSequence(t *testing.T, q batch.JobQueue, size int, unmet ...string) batch.Job {
	t.Helper()
	array := newArray(t, q, size)
	array.DependsOn, array.Unmet = []batch.Dependency{{Type: batch.DependencySequential}}, unmet
	for _, id := range unmet {
		array.DependsOn = append(array.DependsOn, batch.Dependency{JobID: id})
	}
	return array
}

func testOwnDependenciesStay(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	other := submit(t, s, q)
	array := submitJob(t, s, q, newSequence(t, q, 3, other.ID))
	wantEqual(t, load(t, s, batch.ChildID(array.ID, 2)).Unmet, []string{batch.ChildID(array.ID, 1)})
	wantEqual(t, load(t, s, batch.ChildID(array.ID, 0)).Unmet, []string{})
	array = change(t, s, array.ID, meet)
	wantEqual(t, array.Children, map[batch.JobStatus]int{batch.StatusPending: 3})
	change(t, s, batch.ChildID(array.ID, 0), status(batch.StatusRunnable))
	wantEqual(t, waitingIDs(t, s, q), []string{other.ID, batch.ChildID(array.ID, 0)})
	wantEqual(t, load(t, s, array.ID).Children, map[batch.JobStatus]int{batch.StatusPending: 2, batch.StatusRunnable: 1})
}

func testListChildren(t *testing.T, s Store) {
	t.Helper()
	array := submitArray(t, s, newQueue(t, s), 7)
	for _, i := range []int{1, 4, 6} {
		change(t, s, batch.ChildID(array.ID, i), status(batch.StatusSucceeded))
	}
	change(t, s, batch.ChildID(array.ID, 5), admit)
	for of, want := range map[batch.JobStatus][]int{
		"":                    {0, 1, 2, 3, 4, 5, 6},
		batch.StatusRunnable:  {0, 2, 3, 5},
		batch.StatusSucceeded: {1, 4, 6},
		batch.StatusFailed:    nil,
	} {
		for _, limit := range []int{1, 2, 3, 10} {
			t.Run(fmt.Sprintf("%s by %d", of, limit), func(t *testing.T) {
				wantEqual(t, listChildren(t, s, array.ID, of, limit), want)
			})
		}
	}
	jobs, _, err := s.ListChildren(t.Context(), array.ID, "", 5, 10)
	wantErr(t, err, nil)
	wantEqual(t, jobs, []batch.Job{load(t, s, batch.ChildID(array.ID, 5)), load(t, s, batch.ChildID(array.ID, 6))})
}

// listChildren gives the indexes of all pages.
func listChildren(t *testing.T, s Store, id string, of batch.JobStatus, limit int) []int {
	t.Helper()
	var got []int
	for from := 0; from >= 0; {
		jobs, next, err := s.ListChildren(t.Context(), id, of, from, limit)
		if err != nil || len(jobs) > limit || next >= 0 && next <= from {
			t.Fatalf("from %d: %d jobs, next %d, error %v", from, len(jobs), next, err)
		}
		for _, j := range jobs {
			got = append(got, *j.ArrayIndex)
		}
		from = next
	}
	return got
}

func testArraysAreListed(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitArray(t, s, q, 2)
	change(t, s, batch.ChildID(array.ID, 0), admit)
	for of, want := range map[batch.JobStatus][]string{batch.StatusPending: {array.ID}, batch.StatusRunnable: {}} {
		jobs, next, err := s.ListJobs(t.Context(), q.Number, of, "", 10)
		wantErr(t, err, nil)
		wantEqual(t, ids(jobs), want)
		wantEqual(t, next, "")
	}
}

func testSubmitArrayTwice(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := newArray(t, q, 3)
	submitJob(t, s, q, array)
	change(t, s, batch.ChildID(array.ID, 0), status(batch.StatusFailed))
	wantEqual(t, submitJob(t, s, q, array).Children, map[batch.JobStatus]int{batch.StatusRunnable: 2, batch.StatusFailed: 1})
	wantEqual(t, len(waitingIDs(t, s, q)), 2)
}

func testChildrenRace(t *testing.T, s Store) {
	t.Helper()
	array := submitArray(t, s, newQueue(t, s), 8)
	t.Run("", func(t *testing.T) {
		for i := range 16 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				change(t, s, batch.ChildID(array.ID, i%8), func(j *batch.Job) {
					if !j.Status.IsTerminal() {
						status(batch.StatusSucceeded)(j)
					}
				})
			})
		}
	})
	wantEqual(t, load(t, s, array.ID).Children, map[batch.JobStatus]int{batch.StatusSucceeded: 8})
}

func testLargeArray(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitArray(t, s, q, 10_000)
	jobs, _, err := s.WaitingIn(t.Context(), q.Number, "", "", 10_000)
	wantErr(t, err, nil)
	wantEqual(t, len(jobs), 10_000)
	wantEqual(t, *jobs[9_999].ArrayIndex, 9_999)
	change(t, s, batch.ChildID(array.ID, 9_000), admit)
	began := time.Now()
	array = change(t, s, array.ID, rest)
	wantEqual(t, array.Children, map[batch.JobStatus]int{batch.StatusFailed: 9_999, batch.StatusRunnable: 1})
	if d := time.Since(began); d > time.Second {
		t.Errorf("stopping took %v", d)
	}
	got := listChildren(t, s, array.ID, batch.StatusFailed, 1000)
	wantEqual(t, len(got), 9_999)
	if slices.Contains(got, 9_000) {
		t.Error("a child with a record failed with the array")
	}
}

func testChildStatuses(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitArray(t, s, q, 5)
	for i, steps := range [][]func(*batch.Job){
		{admit},
		{admit, status(batch.StatusStarting)},
		{admit, status(batch.StatusStarting), status(batch.StatusRunning), end(batch.StatusSucceeded)},
		{status(batch.StatusFailed)},
	} {
		for _, step := range steps {
			change(t, s, batch.ChildID(array.ID, i), step)
		}
	}
	got, err := s.ChildStatuses(t.Context(), array.ID)
	wantErr(t, err, nil)
	wantEqual(t, got, "RTDFR")
	change(t, s, array.ID, rest)
	got, err = s.ChildStatuses(t.Context(), array.ID)
	wantErr(t, err, nil)
	wantEqual(t, got, "RTDFF")
	for _, id := range []string{submit(t, s, q).ID, batch.ChildID(array.ID, 1), newJob(t, q).ID, "x"} {
		_, err := s.ChildStatuses(t.Context(), id)
		wantErr(t, err, batch.ErrNotFound)
	}
}
