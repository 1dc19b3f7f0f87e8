// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RunSpending holds a store to the rules of SpendingStore. open gives an empty store whose clock is this one.
func RunSpending(t *testing.T, open func(t *testing.T, clock *clocktesting.FakeClock) Store) {
	t.Helper()
	cases := map[string]func(*testing.T, Store, *clocktesting.FakeClock){
		"an attempt that ends is counted for its share and tags": testSpending,
		"of an unknown price nothing but that is known":          testUnpriced,
		"a child is counted for its array":                       testArraySpending,
		"an hour is forgotten after a day":                       testSpendingHours,
		"shares and tags are bounded, and nothing is lost":       testSpendingBounds,
		"only the jobs are remembered that cost most":            testDearestJobs,
		"a host is read back as it was noted":                    testHost,
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			clock := clocktesting.NewFakeClock(at)
			test(t, open(t, clock), clock)
		})
	}
}

// dime is what bound lets an attempt cost that runs for an hour.
const dime = 100_000_000

// bound is on half a machine of 0.2 an hour, or on one of unknown price.
func bound(isKnown bool) func(*batch.Job) {
	return func(j *batch.Job) {
		current := *j.Current
		current.NodeName, current.InstanceID = "n", "i"
		current.Host = &batch.Host{InstanceType: "m5.large", CapacityType: "SPOT", Share: 0.5, BoundAt: at}
		if isKnown {
			current.Host.PricePerHour = 0.2
		}
		j.Current = &current
	}
}

// ended ends the attempt after so many hours.
func ended(hours float64, status batch.JobStatus) func(*batch.Job) {
	return func(j *batch.Job) {
		end(status)(j)
		j.Attempts[len(j.Attempts)-1].StoppedAt = at.Add(time.Duration(hours * float64(time.Hour)))
	}
}

// run has an attempt of a job run.
func runFor(t *testing.T, s Store, id string, hours float64, status batch.JobStatus) {
	t.Helper()
	change(t, s, id, admit)
	change(t, s, id, bound(true))
	change(t, s, id, ended(hours, status))
}

// submitWith submits a job that was changed before.
func submitWith(t *testing.T, s Store, q batch.JobQueue, with func(*batch.Job)) batch.Job {
	t.Helper()
	job := newJob(t, q)
	with(&job)
	job, err := s.Submit(t.Context(), q.Number, job)
	wantErr(t, err, nil)
	return job
}

func spending(t *testing.T, s Store, queues ...batch.JobQueue) []batch.Spending {
	t.Helper()
	var numbers []int
	for _, q := range queues {
		numbers = append(numbers, q.Number)
	}
	got, err := s.Spending(t.Context(), numbers)
	wantErr(t, err, nil)
	return got
}

func wantSpending(t *testing.T, got, want batch.Spending) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("spending mismatch (-want +got):\n%s", diff)
	}
}

func testSpending(t *testing.T, s Store, clock *clocktesting.FakeClock) {
	t.Helper()
	q, other := newQueue(t, s), secondQueue(t, s)
	a := submitWith(t, s, q, func(j *batch.Job) { j.ShareIdentifier, j.Tags = "red", map[string]string{"team": "x", "k": ""} })
	runFor(t, s, a.ID, 1, batch.StatusRunnable)
	clock.Step(time.Hour)
	runFor(t, s, a.ID, 2, batch.StatusSucceeded)
	change(t, s, a.ID, func(j *batch.Job) { j.Tags = map[string]string{"new": "tag"} }) // costs nothing
	b := submitWith(t, s, q, func(j *batch.Job) { j.Tags = nil })
	change(t, s, b.ID, admit)
	change(t, s, b.ID, end(batch.StatusFailed)) // never had a machine
	hour := batch.HourOf(at)
	got := spending(t, s, other, q)
	wantSpending(t, got[0], batch.Spending{})
	wantSpending(t, got[1], batch.Spending{
		Shares: map[string]batch.Cost{"red": {Nano: 3 * dime, Attempts: 2}, "": {Attempts: 1}},
		Tags:   map[batch.Tag]batch.Cost{{Key: "team", Value: "x"}: {Nano: 3 * dime, Attempts: 2}, {Key: "k"}: {Nano: 3 * dime, Attempts: 2}},
		Hours:  map[int64]batch.Cost{hour: {Nano: dime, Attempts: 1}, hour + 1: {Nano: 2 * dime, Attempts: 2}},
		Jobs:   []batch.SpentJob{{JobID: a.ID, Nano: 3 * dime}},
	})
}

func testUnpriced(t *testing.T, s Store, _ *clocktesting.FakeClock) {
	t.Helper()
	q := newQueue(t, s)
	id := submit(t, s, q).ID
	change(t, s, id, admit)
	change(t, s, id, bound(false))
	change(t, s, id, end(batch.StatusFailed))
	unknown := batch.Cost{Attempts: 1, Unknown: 1}
	wantSpending(t, spending(t, s, q)[0], batch.Spending{
		Shares: map[string]batch.Cost{"": unknown}, Tags: map[batch.Tag]batch.Cost{{Key: "t", Value: "v"}: unknown},
		Hours: map[int64]batch.Cost{batch.HourOf(at): unknown},
	})
}

func testArraySpending(t *testing.T, s Store, _ *clocktesting.FakeClock) {
	t.Helper()
	q := newQueue(t, s)
	array := submitWith(t, s, q, func(j *batch.Job) { j.ArraySize, j.Status = 3, batch.StatusPending })
	runFor(t, s, batch.ChildID(array.ID, 0), 1, batch.StatusRunnable)
	runFor(t, s, batch.ChildID(array.ID, 0), 1, batch.StatusSucceeded)
	runFor(t, s, batch.ChildID(array.ID, 2), 3, batch.StatusFailed)
	child := batch.ChildID(array.ID, 1)
	change(t, s, child, admit)
	change(t, s, child, bound(false))
	change(t, s, child, end(batch.StatusSucceeded))
	want := batch.Cost{Nano: 5 * dime, Attempts: 4, Unknown: 1}
	got, err := s.Job(t.Context(), array.ID)
	wantErr(t, err, nil)
	wantEqual(t, got.Spent, want)
	wantEqual(t, got.Cost(at), want)
	one, err := s.Job(t.Context(), batch.ChildID(array.ID, 0))
	wantErr(t, err, nil)
	wantEqual(t, one.Spent, batch.Cost{})
	wantEqual(t, one.Cost(at), batch.Cost{Nano: 2 * dime, Attempts: 2})
	wantSpending(t, spending(t, s, q)[0], batch.Spending{
		Shares: map[string]batch.Cost{"": want}, Tags: map[batch.Tag]batch.Cost{{Key: "t", Value: "v"}: want},
		Hours: map[int64]batch.Cost{batch.HourOf(at): want}, Jobs: []batch.SpentJob{{JobID: array.ID, Nano: 5 * dime}},
	})
	// What the array itself goes through leaves it alone.
	after := change(t, s, array.ID, func(j *batch.Job) { j.StatusReason, j.Spent = "r", batch.Cost{} })
	wantEqual(t, after.Spent, want)
}

func testSpendingHours(t *testing.T, s Store, clock *clocktesting.FakeClock) {
	t.Helper()
	q := newQueue(t, s)
	const hours = 30
	for range hours {
		runFor(t, s, submit(t, s, q).ID, 1, batch.StatusSucceeded)
		clock.Step(time.Hour)
	}
	clock.Step(-time.Hour)
	got := spending(t, s, q)[0]
	wantEqual(t, got.Shares, map[string]batch.Cost{"": {Nano: batch.SpendingHours * dime, Attempts: batch.SpendingHours}})
	wantEqual(t, len(got.Hours), batch.SpendingHours)
	wantEqual(t, len(got.Jobs), batch.SpendingHours)
	clock.Step((batch.SpendingHours - 1) * time.Hour)
	wantEqual(t, spending(t, s, q)[0].Hours, map[int64]batch.Cost{batch.HourOf(at) + hours - 1: {Nano: dime, Attempts: 1}})
	clock.Step(time.Hour)
	wantSpending(t, spending(t, s, q)[0], batch.Spending{})
}

func testSpendingBounds(t *testing.T, s Store, _ *clocktesting.FakeClock) {
	t.Helper()
	q := newQueue(t, s)
	tags := map[string]string{}
	for i := range 20 {
		tags[fmt.Sprintf("k%02d", i)] = "v"
	}
	id := submitWith(t, s, q, func(j *batch.Job) { j.Tags = tags }).ID
	runFor(t, s, id, 1, batch.StatusSucceeded)
	got := spending(t, s, q)[0]
	wantEqual(t, len(got.Tags), batch.MaxJobSpendingTags)
	wantEqual(t, got.Tags[batch.Tag{Key: "k00", Value: "v"}], batch.Cost{Nano: dime, Attempts: 1})
	wantEqual(t, got.MoreTags, false)
	// One job that is submitted, and runs again and again, as jobs of so many shares may not all be active.
	const more = 20
	for i := range batch.MaxSpendingShares + more {
		job := submitWith(t, s, q, func(j *batch.Job) {
			j.Tags = map[string]string{"i": strconv.Itoa(i)}
			j.ShareIdentifier = fmt.Sprint("s", i)
		})
		runFor(t, s, job.ID, 1, batch.StatusSucceeded)
		forget(t, s, q, job.ShareIdentifier)
	}
	got = spending(t, s, q)[0]
	wantEqual(t, len(got.Shares), batch.MaxSpendingShares+1)
	wantEqual(t, got.Shares[batch.OtherShares], batch.Cost{Nano: (more + 1) * dime, Attempts: more + 1})
	wantEqual(t, got.Hours, map[int64]batch.Cost{batch.HourOf(at): {
		Nano: (batch.MaxSpendingShares + more + 1) * dime, Attempts: batch.MaxSpendingShares + more + 1,
	}})
	wantEqual(t, len(got.Tags), batch.MaxSpendingTags)
	wantEqual(t, got.MoreTags, true)
	wantEqual(t, len(got.Jobs), batch.MaxSpendingJobs)
}

// forget lets a share in which nothing waits or runs count no more.
func forget(t *testing.T, s Store, q batch.JobQueue, share string) {
	t.Helper()
	wantErr(t, s.ForgetShare(t.Context(), q.Number, share), nil)
}

func testDearestJobs(t *testing.T, s Store, _ *clocktesting.FakeClock) {
	t.Helper()
	q := newQueue(t, s)
	const jobs = batch.MaxSpendingJobs + 10
	var want []batch.SpentJob
	for i := range jobs {
		id := submit(t, s, q).ID
		runFor(t, s, id, float64(i+1), batch.StatusSucceeded)
		want = append([]batch.SpentJob{{JobID: id, Nano: int64(i+1) * dime}}, want...)
	}
	wantEqual(t, spending(t, s, q)[0].Jobs, want[:batch.MaxSpendingJobs])
}

func testHost(t *testing.T, s Store, _ *clocktesting.FakeClock) {
	t.Helper()
	id := submit(t, s, newQueue(t, s)).ID
	host := &batch.Host{InstanceType: "m5.large", CapacityType: "ON_DEMAND", PricePerHour: 0.096, Share: 0.333334, BoundAt: at}
	change(t, s, id, admit)
	change(t, s, id, func(j *batch.Job) {
		current := *j.Current
		current.Host = host
		current.Nodes = []batch.NodeAttempt{{NodeName: "n", Host: host, Past: batch.Cost{Nano: 7, Attempts: 1}}, {Status: batch.StatusRunnable}}
		j.Current = &current
	})
	got, err := s.Job(t.Context(), id)
	wantErr(t, err, nil)
	wantEqual(t, got.Current.Host, host)
	wantEqual(t, got.Current.Nodes[0].Host, host)
	wantEqual(t, got.Current.Nodes[0].Past, batch.Cost{Nano: 7, Attempts: 1})
}
