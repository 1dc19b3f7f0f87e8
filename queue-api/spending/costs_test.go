// SPDX-License-Identifier: Apache-2.0

package spending

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/storetest"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

var testTime = time.Date(2026, 1, 2, 3, 30, 0, 0, time.UTC)

// world is a store whose jobs run on machines of 0.2 an hour.
type world struct {
	*storetest.Memory

	t     *testing.T
	clock *testingclock.FakeClock
	queue batch.JobQueue
	asked int
	err   error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Memory: storetest.NewMemory(), t: t, clock: testingclock.NewFakeClock(testTime)}
	w.Now = w.clock.Now
	var err error
	if w.queue, err = w.CreateQueue(t.Context(), batch.JobQueue{Name: "q"}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) Spending(ctx context.Context, queues []int) ([]batch.Spending, error) {
	w.asked++
	if w.err != nil {
		return nil, w.err
	}
	return w.Memory.Spending(ctx, queues)
}

func (w *world) submit(job batch.Job) string {
	w.t.Helper()
	id, err := batch.NewJobID(w.queue.Number, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	job.ID, job.Name, job.Queue, job.Status = id, "name", "q", batch.StatusRunnable
	if job.ArraySize > 0 {
		job.Status = batch.StatusPending
	}
	if _, err := w.Submit(w.t.Context(), w.queue.Number, job); err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) change(id string, with func(*batch.Job)) {
	w.t.Helper()
	if _, err := w.Transition(w.t.Context(), id, func(j batch.Job) (batch.Job, error) { with(&j); return j, nil }); err != nil {
		w.t.Fatal(err)
	}
}

func host(price, share float64) *batch.Host {
	return &batch.Host{InstanceType: "m5.large", CapacityType: "SPOT", PricePerHour: price, Share: share, BoundAt: testTime.Add(-2 * time.Hour)}
}

// ran is an attempt that ended, of two hours on a part of a machine.
func (w *world) ran(id string, price, share float64) {
	w.t.Helper()
	w.change(id, func(j *batch.Job) { j.Current = &batch.Attempt{Number: len(j.Attempts) + 1} })
	w.change(id, func(j *batch.Job) {
		a := *j.Current
		a.NodeName, a.Host, a.StoppedAt = "n", host(price, share), testTime
		j.Attempts, j.Current, j.Status, j.StoppedAt = append(j.Attempts, a), nil, batch.StatusFailed, testTime
	})
}

// runs is an attempt under way, for two hours up to now.
func (w *world) runs(id string, status batch.JobStatus, price, share float64) {
	w.t.Helper()
	w.change(id, func(j *batch.Job) {
		j.Current, j.Status = &batch.Attempt{Number: len(j.Attempts) + 1, NodeName: "n", Host: host(price, share)}, status
	})
}

func cost(dollars float64, attempts, unknown int64) viewapi.Cost {
	return viewapi.Cost{Dollars: &dollars, Attempts: attempts, UnknownAttempts: unknown}
}

func TestSpending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	red := w.submit(batch.Job{ShareIdentifier: "red", Tags: map[string]string{"team": "x"}})
	w.ran(red, 0.2, 0.5)
	w.clock.Step(time.Hour)
	blue := w.submit(batch.Job{ShareIdentifier: "blue", Tags: map[string]string{"team": "y"}})
	w.ran(blue, 0.2, 1)
	w.ran(w.submit(batch.Job{ShareIdentifier: "green"}), 0, 1)
	v := New(w, w.clock)
	var got *viewapi.Spending
	for range 3 {
		var err error
		if got, err = v.Spending(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if w.asked != 1 {
		t.Errorf("the store was asked %d times at once", w.asked)
	}
	hours := make([]float64, batch.SpendingHours)
	hours[22], hours[23] = 0.2, 0.4
	want := &viewapi.Spending{
		At: w.clock.Now().UnixMilli(), From: testTime.Truncate(time.Hour).Add(-22 * time.Hour).UnixMilli(),
		Queues: []viewapi.QueueSpending{{
			JobQueue: "q", Cost: cost(0.6, 3, 1), Hours: hours,
			Shares: []viewapi.ShareSpending{
				{Share: "blue", Cost: cost(0.4, 1, 0)}, {Share: "red", Cost: cost(0.2, 1, 0)}, {Share: "green", Cost: viewapi.Cost{Attempts: 1, UnknownAttempts: 1}},
			},
			Tags: []viewapi.TagSpending{{Key: "team", Value: "y", Cost: cost(0.4, 1, 0)}, {Key: "team", Value: "x", Cost: cost(0.2, 1, 0)}},
			Jobs: []viewapi.JobSpending{
				{JobID: blue, JobName: "name", ShareIdentifier: "blue", Status: "FAILED", Dollars: 0.4},
				{JobID: red, JobName: "name", ShareIdentifier: "red", Status: "FAILED", Dollars: 0.2},
			},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spending mismatch (-want +got):\n%s", diff)
	}
	w.clock.Step(freshFor)
	w.err = errors.New("down")
	if _, err := v.Spending(t.Context()); err == nil {
		t.Error("an old answer is told for a new one")
	}
}

func TestJobCost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := New(w, w.clock)
	plain, array, gang := w.submit(batch.Job{}), w.submit(batch.Job{ArraySize: 3}), w.submit(batch.Job{NumNodes: 2})
	w.ran(plain, 0.2, 0.5)
	w.ran(batch.ChildID(array, 1), 0.2, 1)
	w.ran(batch.ChildID(array, 2), 0, 1)
	w.change(gang, func(j *batch.Job) {
		j.Current = &batch.Attempt{Number: 1, NodeName: "n0", Host: host(0.2, 1), Nodes: []batch.NodeAttempt{
			{NodeName: "n0", Host: host(0.2, 1)}, {NodeName: "n1", Host: host(0, 1)},
		}}
	})
	busy := w.submit(batch.Job{ArraySize: 5})
	w.ran(batch.ChildID(busy, 0), 0.2, 1)
	w.runs(batch.ChildID(busy, 1), batch.StatusRunning, 0.2, 0.5)
	w.runs(batch.ChildID(busy, 2), batch.StatusStarting, 0.2, 0.25)
	w.runs(batch.ChildID(busy, 4), batch.StatusRunning, 0, 1)
	on := func(price, share float64, dollars *float64) viewapi.HostCost {
		return viewapi.HostCost{Node: "n", InstanceType: "m5.large", CapacityType: "SPOT", PricePerHour: &price, Share: &share, BoundAt: testTime.Add(-2 * time.Hour).UnixMilli(), Dollars: dollars}
	}
	first, second := on(0.2, 1, new(0.4)), on(0.2, 1, nil)
	first.Node, first.NodeIndex, second.Node, second.NodeIndex, second.PricePerHour = "n0", new(0), "n1", new(1), nil
	none := viewapi.Cost{Attempts: 1, UnknownAttempts: 1}
	cases := map[string]struct {
		id       string
		want     viewapi.Cost
		attempts []viewapi.AttemptCost
	}{
		"a job":                           {plain, cost(0.2, 1, 0), []viewapi.AttemptCost{{Attempt: 1, Cost: cost(0.2, 1, 0), Hosts: []viewapi.HostCost{on(0.2, 0.5, new(0.2))}}}},
		"an array sums its children":      {array, cost(0.4, 2, 1), []viewapi.AttemptCost{}},
		"and those that still run":        {busy, cost(0.4+0.2+0.1, 4, 1), []viewapi.AttemptCost{}},
		"a child":                         {batch.ChildID(array, 1), cost(0.4, 1, 0), []viewapi.AttemptCost{{Attempt: 1, Cost: cost(0.4, 1, 0), Hosts: []viewapi.HostCost{on(0.2, 1, new(0.4))}}}},
		"a child that has not run":        {batch.ChildID(array, 0), cost(0, 0, 0), []viewapi.AttemptCost{}},
		"a gang sums its nodes":           {gang, cost(0.4, 1, 1), []viewapi.AttemptCost{{Attempt: 1, Cost: cost(0.4, 1, 1), Hosts: []viewapi.HostCost{first, second}}}},
		"a node":                          {batch.NodeID(gang, 0), cost(0.4, 1, 0), []viewapi.AttemptCost{{Attempt: 1, Cost: cost(0.4, 1, 0), Hosts: []viewapi.HostCost{first}}}},
		"a node of which it is not known": {batch.NodeID(gang, 1), none, []viewapi.AttemptCost{{Attempt: 1, Cost: none, Hosts: []viewapi.HostCost{second}}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := v.JobCost(t.Context(), tc.id)
			if err != nil {
				t.Fatal(err)
			}
			want := &viewapi.JobCost{JobID: tc.id, At: testTime.UnixMilli(), Cost: tc.want, Attempts: tc.attempts}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("cost mismatch (-want +got):\n%s", diff)
			}
		})
	}
	for _, id := range []string{"nonsense", batch.NodeID(gang, 2), batch.ChildID(array, 3)} {
		if _, err := v.JobCost(t.Context(), id); err == nil {
			t.Errorf("%s has a cost", id)
		}
	}
}

// What runs beyond what is looked at counts as unknown, whatever its status.
func TestChildrenLookedAtAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const running, starting = maxChildren - 3, 5
	array := w.submit(batch.Job{ArraySize: running + starting + 10})
	for i := range running {
		w.runs(batch.ChildID(array, i), batch.StatusRunning, 0.5, 1)
	}
	for i := range starting {
		w.runs(batch.ChildID(array, running+i), batch.StatusStarting, 0.5, 1)
	}
	got, err := New(w, w.clock).JobCost(t.Context(), array)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cost(maxChildren, running+starting, 2), got.Cost); diff != "" {
		t.Errorf("cost mismatch (-want +got):\n%s", diff)
	}
}
