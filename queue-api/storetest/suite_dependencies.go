// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RunDependencies holds a store to the rules of DependencyStore.
func RunDependencies(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	run(t, open, map[string]func(*testing.T, Store){
		"dependents are registered once and forgotten":          testDependents,
		"one can wait for what exists only":                     testDependentOnNothing,
		"one can wait for a job of another queue":               testDependentAcrossQueues,
		"the end of a job somebody waits for is marked":         testAwaitedEnd,
		"the end of a job nobody waits for is not":              testUnawaitedEnd,
		"the end of a child is marked for N_TO_N alone":         testAwaitedChildEnd,
		"the end of a child of a sequence is marked":            testSequenceEnd,
		"the end of an array's last child is marked":            testLastChildEnd,
		"the end of an attempt that holds consumables is":       testConsumerEnd,
		"an array that waits child by child is marked at once":  testSubmitMarks,
		"an array that was stopped or failed is marked":         testRestMarks,
		"children that fail with their array are marked":        testRestMarksChildren,
		"marks come in order, page by page":                     testSettledPages,
		"marks are set and forgotten by hand, twice no harm":    testSettleByHand,
		"a mark that was set again outlives the former's end":   testUnsettleSparesLater,
		"marks of queues are apart, and of what was submitted":  testSettledByQueue,
		"a transition that changes no more than words marks no": testNoMark,
	})
}

func settled(t *testing.T, s Store, q batch.JobQueue) []batch.Settled {
	t.Helper()
	marks, err := s.Settled(t.Context(), q.Number, 0, 100)
	wantErr(t, err, nil)
	return marks
}

// wantSettled compares the marked ids, in any order, and forgets the marks.
func wantSettled(t *testing.T, s Store, q batch.JobQueue, want ...string) {
	t.Helper()
	var got []string
	for _, m := range settled(t, s, q) {
		got = append(got, m.ID)
		wantErr(t, s.Unsettle(t.Context(), m), nil)
	}
	slices.Sort(got)
	slices.Sort(want)
	wantEqual(t, got, want)
}

func addDependent(t *testing.T, s Store, on string, dependent batch.Dependent) batch.Job {
	t.Helper()
	job, err := s.AddDependent(t.Context(), on, dependent)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func testDependents(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	on := submitArray(t, s, q, 3)
	a, b := batch.Dependent{ID: newJob(t, q).ID}, batch.Dependent{ID: newJob(t, q).ID, Type: batch.DependencyNToN}
	for range 2 {
		wantEqual(t, addDependent(t, s, on.ID, a), on)
		addDependent(t, s, on.ID, b)
	}
	child := on.Child(1, batch.StatusRunnable)
	wantEqual(t, addDependent(t, s, child.ID, a), child)
	want := []batch.Dependent{a, b}
	slices.SortFunc(want, func(a, b batch.Dependent) int { return strings.Compare(a.ID, b.ID) })
	wantDependents(t, s, on.ID, want...)
	wantDependents(t, s, child.ID, a)
	wantDependents(t, s, batch.ChildID(on.ID, 2))
	wantDependents(t, s, newJob(t, q).ID)
	for range 2 {
		wantErr(t, s.RemoveDependent(t.Context(), on.ID, a), nil)
	}
	wantErr(t, s.RemoveDependent(t.Context(), on.ID, batch.Dependent{ID: b.ID}), nil) // not that one
	wantDependents(t, s, on.ID, b)
	wantDependents(t, s, child.ID, a)
}

func wantDependents(t *testing.T, s Store, on string, want ...batch.Dependent) {
	t.Helper()
	got, err := s.Dependents(t.Context(), on)
	wantErr(t, err, nil)
	wantEqual(t, got, want)
}

func testDependentOnNothing(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array, single := submitArray(t, s, q, 2), submit(t, s, q)
	for _, on := range []string{newJob(t, q).ID, "nonsense", batch.ChildID(array.ID, 2), batch.ChildID(single.ID, 0)} {
		_, err := s.AddDependent(t.Context(), on, batch.Dependent{ID: newJob(t, q).ID})
		wantErr(t, err, batch.ErrNotFound)
	}
}

func secondQueue(t *testing.T, s Store) batch.JobQueue {
	t.Helper()
	q, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "second"})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func testDependentAcrossQueues(t *testing.T, s Store) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	on := submit(t, s, q)
	dependent := batch.Dependent{ID: newJob(t, other).ID}
	addDependent(t, s, on.ID, dependent)
	change(t, s, on.ID, status(batch.StatusFailed))
	wantDependents(t, s, on.ID, dependent)
	wantSettled(t, s, q, on.ID)
	wantSettled(t, s, other)
}

func testAwaitedEnd(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	for _, to := range []batch.JobStatus{batch.StatusSucceeded, batch.StatusFailed} {
		on := submit(t, s, q)
		addDependent(t, s, on.ID, batch.Dependent{ID: newJob(t, q).ID})
		change(t, s, on.ID, admit)
		change(t, s, on.ID, status(batch.StatusStarting))
		wantSettled(t, s, q)
		change(t, s, on.ID, end(to))
		wantSettled(t, s, q, on.ID)
		change(t, s, on.ID, func(j *batch.Job) { j.Tags = map[string]string{"new": "tag"} })
		wantSettled(t, s, q)
	}
}

func testUnawaitedEnd(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	a, b, array := submit(t, s, q), submit(t, s, q), submitArray(t, s, q, 2)
	dependent := batch.Dependent{ID: newJob(t, q).ID}
	addDependent(t, s, b.ID, dependent)
	wantErr(t, s.RemoveDependent(t.Context(), b.ID, dependent), nil)
	addDependent(t, s, array.ID, dependent) // of the whole array, not of its children
	for _, id := range []string{a.ID, b.ID, batch.ChildID(array.ID, 0)} {
		change(t, s, id, status(batch.StatusSucceeded))
	}
	wantSettled(t, s, q)
}

func testAwaitedChildEnd(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitArray(t, s, q, 4)
	child := func(i int) string { return batch.ChildID(array.ID, i) }
	addDependent(t, s, child(2), batch.Dependent{ID: newJob(t, q).ID})
	change(t, s, child(0), status(batch.StatusSucceeded))
	wantSettled(t, s, q)
	change(t, s, child(2), status(batch.StatusSucceeded))
	wantSettled(t, s, q, child(2))
	addDependent(t, s, array.ID, batch.Dependent{ID: newJob(t, q).ID, Type: batch.DependencyNToN})
	change(t, s, child(1), status(batch.StatusFailed))
	wantSettled(t, s, q, child(1))
	change(t, s, array.ID, status(batch.StatusFailed))
	wantSettled(t, s, q, array.ID)
}

func testSequenceEnd(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitJob(t, s, q, newSequence(t, q, 3))
	wantSettled(t, s, q, array.ID)
	change(t, s, batch.ChildID(array.ID, 0), status(batch.StatusRunnable))
	wantSettled(t, s, q)
	change(t, s, batch.ChildID(array.ID, 0), status(batch.StatusFailed))
	wantSettled(t, s, q, batch.ChildID(array.ID, 0))
}

func testLastChildEnd(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitArray(t, s, q, 3)
	for i := range 2 {
		change(t, s, batch.ChildID(array.ID, i), status(batch.StatusSucceeded))
		wantSettled(t, s, q)
	}
	change(t, s, batch.ChildID(array.ID, 2), status(batch.StatusFailed))
	wantSettled(t, s, q, batch.ChildID(array.ID, 2))
}

func testConsumerEnd(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	job := newJob(t, q)
	job.Consumables = []batch.ConsumableRequirement{{Name: "licence", Quantity: 1}}
	submitJob(t, s, q, job)
	change(t, s, job.ID, admit)
	wantSettled(t, s, q)
	change(t, s, job.ID, func(j *batch.Job) { j.Current = nil }) // withdrawn
	wantSettled(t, s, q, job.ID)
	change(t, s, job.ID, admit)
	change(t, s, job.ID, end(batch.StatusRunnable))
	wantSettled(t, s, q, job.ID)
	change(t, s, job.ID, status(batch.StatusFailed))
	wantSettled(t, s, q, job.ID)
}

func testSubmitMarks(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	other := submitArray(t, s, q, 3)
	sequence, pairs := newSequence(t, q, 3, other.ID), newArray(t, q, 3)
	pairs.DependsOn = []batch.Dependency{{JobID: other.ID, Type: batch.DependencyNToN}}
	submitJob(t, s, q, sequence)
	submitJob(t, s, q, pairs)
	wantEqual(t, load(t, s, batch.ChildID(pairs.ID, 1)).Unmet, []string{batch.ChildID(other.ID, 1)})
	wantSettled(t, s, q, sequence.ID, pairs.ID)
	change(t, s, sequence.ID, meet)
	wantSettled(t, s, q, sequence.ID)
	whole := newArray(t, q, 3)
	whole.DependsOn, whole.Unmet = []batch.Dependency{{JobID: other.ID}}, []string{other.ID}
	submitJob(t, s, q, whole)
	change(t, s, whole.ID, meet)
	wantSettled(t, s, q)
}

func testRestMarks(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitArray(t, s, q, 3)
	change(t, s, array.ID, rest)
	wantSettled(t, s, q, array.ID)
	change(t, s, array.ID, func(j *batch.Job) { j.Stop = &batch.Stop{Kind: batch.StopCancelled, Reason: "enough"} })
	wantSettled(t, s, q, array.ID)
	failed := submitArray(t, s, q, 3)
	change(t, s, failed.ID, func(j *batch.Job) { j.Rest = &batch.Rest{Reason: "x", StoppedAt: at} })
	wantSettled(t, s, q, failed.ID)
}

func testRestMarksChildren(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitArray(t, s, q, 4)
	dependent := batch.Dependent{ID: newJob(t, q).ID}
	for i := range 3 {
		addDependent(t, s, batch.ChildID(array.ID, i), dependent)
	}
	wantErr(t, s.RemoveDependent(t.Context(), batch.ChildID(array.ID, 1), dependent), nil)
	change(t, s, batch.ChildID(array.ID, 2), admit)
	change(t, s, array.ID, rest)
	wantSettled(t, s, q, array.ID, batch.ChildID(array.ID, 0))
}

func testSettledPages(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	var want []string
	for range 5 {
		want = append(want, newJob(t, q).ID)
		wantErr(t, s.Settle(t.Context(), want[len(want)-1]), nil)
	}
	wantErr(t, s.Settle(t.Context(), want[1]), nil) // now the latest
	want = []string{want[0], want[2], want[3], want[4], want[1]}
	var got []string
	for after := int64(0); ; {
		marks, err := s.Settled(t.Context(), q.Number, after, 2)
		wantErr(t, err, nil)
		if len(marks) == 0 {
			break
		}
		for _, m := range marks {
			got = append(got, m.ID)
			if m.Mark <= after {
				t.Fatalf("mark %d after %d", m.Mark, after)
			}
			after = m.Mark
		}
	}
	wantEqual(t, got, want)
}

func testSettleByHand(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	id := batch.ChildID(newJob(t, q).ID, 3)
	for range 2 {
		wantErr(t, s.Settle(t.Context(), id), nil)
	}
	marks := settled(t, s, q)
	wantEqual(t, len(marks), 1)
	for range 2 {
		wantErr(t, s.Unsettle(t.Context(), marks[0]), nil)
	}
	wantSettled(t, s, q)
	wantErr(t, s.Settle(t.Context(), "nonsense"), batch.ErrNotFound)
}

func testUnsettleSparesLater(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	id := newJob(t, q).ID
	wantErr(t, s.Settle(t.Context(), id), nil)
	first := settled(t, s, q)[0]
	wantErr(t, s.Settle(t.Context(), id), nil)
	wantErr(t, s.Unsettle(t.Context(), first), nil)
	second := settled(t, s, q)
	wantEqual(t, len(second), 1)
	wantErr(t, s.Unsettle(t.Context(), second[0]), nil)
	wantErr(t, s.Settle(t.Context(), id), nil)
	wantErr(t, s.Unsettle(t.Context(), second[0]), nil)
	wantSettled(t, s, q, id)
}

func testSettledByQueue(t *testing.T, s Store) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	a, b := newJob(t, q).ID, newJob(t, other).ID
	wantErr(t, s.Settle(t.Context(), a), nil)
	wantErr(t, s.Settle(t.Context(), b), nil)
	wantSettled(t, s, q, a)
	wantSettled(t, s, other, b)
}

func testNoMark(t *testing.T, s Store) {
	t.Helper()
	q := newQueue(t, s)
	array := submitJob(t, s, q, newSequence(t, q, 2))
	change(t, s, array.ID, rest)
	wantSettled(t, s, q, array.ID)
	change(t, s, array.ID, func(j *batch.Job) { j.StatusReason = "x" })
	wantSettled(t, s, q)
}
