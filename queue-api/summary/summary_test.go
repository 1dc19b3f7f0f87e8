// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/storetest"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)

// world is a store with tallies that a test sets.
type world struct {
	*storetest.Memory

	tallies map[string]batch.Tally
	asked   int
	err     error
}

func (w *world) Tallies(_ context.Context, queues []batch.JobQueue) ([]batch.Tally, error) {
	w.asked++
	out := make([]batch.Tally, len(queues))
	for i, q := range queues {
		out[i] = w.tallies[q.Name]
	}
	return out, w.err
}

func newWorld(t *testing.T, names ...string) (*world, []batch.JobQueue) {
	t.Helper()
	w := &world{Memory: storetest.NewMemory(), tallies: map[string]batch.Tally{}}
	var queues []batch.JobQueue
	for _, name := range names {
		q, err := w.CreateQueue(t.Context(), batch.JobQueue{
			Name: name, State: batch.Enabled, Status: batch.ResourceValid, Environments: []batch.EnvironmentOrder{{Order: 1, Name: "e"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		queues = append(queues, q)
	}
	return w, queues
}

// fail submits a job and has it fail.
func (w *world) fail(t *testing.T, q batch.JobQueue) {
	t.Helper()
	id, err := batch.NewJobID(q.Number, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Submit(t.Context(), q.Number, batch.Job{ID: id, Name: "j", Queue: q.Name, Status: batch.StatusRunnable}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Transition(t.Context(), id, func(j batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(j, lifecycle.Cancelled{Reason: "r"}, testTime)
		return next, err
	}); err != nil {
		t.Fatal(err)
	}
}

// day is what a View tells of a queue's last steps, oldest first.
func (w *world) day(t *testing.T, clk *testingclock.FakeClock, last int) *viewapi.History {
	t.Helper()
	s, err := NewView(w, clk).Summary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := *s.Queues[0].History
	if len(h.Runnable) != steps || len(h.VCPUs) != steps || len(h.Failed) != steps {
		t.Fatalf("history has %d steps", len(h.Runnable))
	}
	h.From += int64(steps-last) * stepLength.Milliseconds()
	h.Runnable, h.Running, h.Succeeded, h.Failed, h.VCPUs = h.Runnable[steps-last:], h.Running[steps-last:], h.Succeeded[steps-last:], h.Failed[steps-last:], h.VCPUs[steps-last:]
	return &h
}

func TestStepsOfADay(t *testing.T) {
	t.Parallel()
	w, queues := newWorld(t, "q")
	clk := testingclock.NewFakeClock(testTime)
	r := NewRecorder(w, clk)
	look := func(runnable, attempts int, milli int64) {
		t.Helper()
		w.tallies["q"] = batch.Tally{Jobs: map[batch.JobStatus]int{batch.StatusRunnable: runnable}, Attempts: attempts, MilliVCPU: map[string]int64{"e": milli, "f": 500}}
		if err := r.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.fail(t, queues[0]) // before anybody looked: not counted
	look(3, 1, 1000)
	w.fail(t, queues[0])
	w.fail(t, queues[0])
	look(4, 2, 2000)
	clk.SetTime(testTime.Add(stepLength))
	r = NewRecorder(w, clk) // another leader goes on
	w.fail(t, queues[0])
	look(5, 0, 0)
	want := &viewapi.History{
		From: testTime.Truncate(stepLength).Add(-stepLength).UnixMilli(), StepSeconds: 300,
		Runnable: []int64{0, 4, 5}, Running: []int64{0, 2, 0}, Succeeded: []int64{0, 0, 0}, Failed: []int64{0, 2, 1}, VCPUs: []float64{0, 2.5, 0.5},
	}
	if diff := cmp.Diff(want, w.day(t, clk, 3)); diff != "" {
		t.Errorf("history mismatch (-want +got):\n%s", diff)
	}
	// A day later all of it is gone, and a new step has the place of an old one.
	clk.SetTime(testTime.Add(24 * time.Hour))
	look(9, 9, 0)
	got := w.day(t, clk, steps)
	sum := int64(0)
	for _, n := range got.Runnable {
		sum += n
	}
	if sum != 5+9 {
		t.Errorf("a day later: %v", got.Runnable)
	}
	records, err := w.Steps(t.Context(), []int{queues[0].Number})
	if err != nil || len(records[0]) != 2 {
		t.Errorf("%d records are kept, want 2: %v", len(records[0]), err)
	}
}

func TestRecordsThatCannotBeReadAreMissing(t *testing.T) {
	t.Parallel()
	for _, record := range []string{"", "{", `{"n":"x"}`, `{"n":99999999999999}`, `{"n":-5,"r":7}`} {
		for _, s := range decodeSteps([][]byte{[]byte(record)}, testTime) {
			if s.Runnable != 0 {
				t.Errorf("%q counts as %+v", record, s)
			}
		}
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	w, queues := newWorld(t, "q", "unlimited")
	clk := testingclock.NewFakeClock(testTime)
	for _, e := range []batch.ComputeEnvironment{{Name: "e", Type: batch.Managed, MaxvCPUs: 16}, {Name: "f", Type: batch.Unmanaged}} {
		if err := w.CreateEnvironment(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.UpdateQueue(t.Context(), queues[1].Name, func(q *batch.JobQueue) error {
		q.Environments = append(q.Environments, batch.EnvironmentOrder{Order: 2, Name: "f"})
		q.Tags = map[string]string{"muster.sh/paused": "true"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.tallies["q"] = batch.Tally{
		Jobs: map[batch.JobStatus]int{batch.StatusRunnable: 7}, Attempts: 2, MilliVCPU: map[string]int64{"e": 1500},
		OldestRunnable: testTime.Add(-90 * time.Second),
	}
	v := NewView(w, clk)
	for range 3 {
		got, err := v.Summary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Queues {
			got.Queues[i].History = nil
		}
		want := &viewapi.Summary{At: testTime.UnixMilli(), Queues: []viewapi.QueueSummary{
			{JobQueue: "q", State: "ENABLED", Status: "VALID", Counts: map[string]int64{"RUNNABLE": 7}, Attempts: 2, OldestRunnableAgeSeconds: new(int64(90)), VCPUsUsed: 1.5, MaxVCPUs: new(16.0)},
			{JobQueue: "unlimited", State: "ENABLED", Status: "VALID", Paused: true, Counts: map[string]int64{}},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("summary mismatch (-want +got):\n%s", diff)
		}
	}
	if w.asked != 1 {
		t.Errorf("the store was asked %d times at once", w.asked)
	}
	clk.SetTime(testTime.Add(freshFor))
	w.err = errors.New("down")
	if _, err := v.Summary(t.Context()); err == nil {
		t.Error("an old summary is told for a new one")
	}
}
