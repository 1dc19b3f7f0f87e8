// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/storetest"
)

var t0 = time.UnixMilli(1_700_000_000_000).UTC()

type noDispatcher struct{}

func (noDispatcher) Wake() {}

// world is a store, a toy that runs what may run, and what was submitted.
type world struct {
	*rapid.T
	ctx      context.Context
	store    storetest.Store
	faults   *faulty
	releaser *Releaser
	clock    *clocktesting.FakeClock
	queues   []batch.JobQueue
	jobs     map[string]batch.Job // as submitted
	ids      []string             // in order of submission
	failures map[string]int       // by job or child: how many of its two attempts fail
	asked    map[string]bool      // jobs, arrays and children that were asked to stop
	spent    int64                // of the resource that is spent
	stops    bool
}

const plenty = 1000

func newWorld(rt *rapid.T, store storetest.Store, stops bool) *world {
	w := &world{
		T: rt, ctx: rt.Context(), store: store, faults: &faulty{Store: store}, clock: clocktesting.NewFakeClock(t0),
		jobs: map[string]batch.Job{}, failures: map[string]int{}, asked: map[string]bool{}, stops: stops,
	}
	w.restart()
	for i := range rapid.IntRange(1, 3).Draw(rt, "queues") {
		q, err := store.CreateQueue(w.ctx, batch.JobQueue{Name: strconv.Itoa(i)})
		w.must(err)
		w.queues = append(w.queues, q)
	}
	w.must(store.CreateConsumable(w.ctx, batch.ConsumableResource{Name: "seat", Type: batch.Replenishable, TotalQuantity: 2}))
	w.must(store.CreateConsumable(w.ctx, batch.ConsumableResource{Name: "token", Type: batch.NonReplenishable, TotalQuantity: plenty}))
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.Fatal(err)
	}
}

// restart is a leader that begins anew. Small pages, one thing after the other: each run can be repeated.
func (w *world) restart() {
	w.releaser = New(w.faults, noDispatcher{}, Config{Clock: w.clock, Batch: 2, Parallel: 1})
}

// submit stores a job or array with dependencies on earlier ones as SubmitJob does, while other things happen.
func (w *world) submit() {
	q := rapid.SampledFrom(w.queues).Draw(w.T, "queue")
	job := batch.Job{
		ID: batch.DeriveJobID(q.Number, strconv.Itoa(len(w.ids))), Queue: q.Name, Status: batch.StatusRunnable,
		RetryStrategy: &batch.RetryStrategy{Attempts: 2}, ArraySize: rapid.SampledFrom([]int{0, 0, 2, 3}).Draw(w.T, "size"),
	}
	if rapid.IntRange(0, 3).Draw(w.T, "consumes") == 0 {
		job.Consumables = []batch.ConsumableRequirement{{Name: "seat", Quantity: 1}, {Name: "token", Quantity: 1}}
	}
	w.depend(&job)
	var ended []string
	for _, d := range job.DependsOn {
		if d.JobID == "" {
			continue
		}
		on, err := w.store.AddDependent(w.ctx, d.JobID, batch.Dependent{ID: job.ID, Type: d.Type})
		w.must(err)
		w.meanwhile()
		if on.Status.IsTerminal() {
			ended = append(ended, d.JobID)
		}
		if d.Type == "" && on.Status != batch.StatusSucceeded {
			job.Unmet = append(job.Unmet, d.JobID)
		}
	}
	if job.IsArray() || len(job.Unmet) > 0 {
		job.Status = batch.StatusPending
	}
	w.ids, w.jobs[job.ID] = append(w.ids, job.ID), job
	for _, id := range w.runs(job) {
		w.failures[id] = rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(w.T, "failures")
	}
	_, err := w.store.Submit(w.ctx, q.Number, job)
	w.must(err)
	w.meanwhile()
	for _, id := range ended {
		w.must(w.store.Settle(w.ctx, id))
		w.meanwhile()
	}
}

func (w *world) depend(job *batch.Job) {
	var arrays []string
	for _, id := range w.ids {
		if job.ArraySize > 0 && w.jobs[id].ArraySize == job.ArraySize {
			arrays = append(arrays, id)
		}
	}
	if len(arrays) > 0 && rapid.Bool().Draw(w.T, "N_TO_N") {
		on := rapid.SampledFrom(arrays).Draw(w.T, "array")
		job.DependsOn = append(job.DependsOn, batch.Dependency{JobID: on, Type: batch.DependencyNToN})
	}
	if job.ArraySize > 0 && rapid.IntRange(0, 2).Draw(w.T, "SEQUENTIAL") == 0 {
		job.DependsOn = append(job.DependsOn, batch.Dependency{Type: batch.DependencySequential})
	}
	for range rapid.IntRange(0, min(2, len(w.ids))).Draw(w.T, "plain") {
		if id := w.anyID(); !slices.ContainsFunc(job.DependsOn, func(d batch.Dependency) bool { return d.JobID == id }) {
			job.DependsOn = append(job.DependsOn, batch.Dependency{JobID: id})
		}
	}
}

// anyID draws a job, array or child.
func (w *world) anyID() string {
	job := w.jobs[rapid.SampledFrom(w.ids).Draw(w.T, "job")]
	if job.IsArray() && rapid.Bool().Draw(w.T, "child") {
		return batch.ChildID(job.ID, rapid.IntRange(0, job.ArraySize-1).Draw(w.T, "index"))
	}
	return job.ID
}

// runs are the ids that a job runs under: its own, or its children's.
func (w *world) runs(job batch.Job) []string {
	if !job.IsArray() {
		return []string{job.ID}
	}
	var out []string
	for i := range job.ArraySize {
		out = append(out, batch.ChildID(job.ID, i))
	}
	return out
}

// meanwhile is what else may happen at any moment.
func (w *world) meanwhile() {
	switch rapid.IntRange(0, 5).Draw(w.T, "meanwhile") {
	case 0:
		w.must(w.releaser.runOnce(w.ctx))
	case 1:
		w.crash()
	case 2:
		w.startSome(1)
	case 3:
		w.finishSome(1)
	case 4:
		w.stop()
	default:
	}
}

// crash is a round in which the store fails at some call, before or after it did what it was asked, and then a new leader.
func (w *world) crash() {
	w.faults.failIn(rapid.IntRange(1, 30).Draw(w.T, "call"), rapid.Bool().Draw(w.T, "after"))
	if err := w.releaser.runOnce(w.ctx); err != nil && !errors.Is(err, errInjected) {
		w.Fatal(err)
	}
	w.faults.failIn(0, false)
	w.restart()
}

func (w *world) stop() {
	if !w.stops || len(w.ids) == 0 {
		return
	}
	id := w.anyID()
	ev := rapid.SampledFrom([]lifecycle.Event{lifecycle.Cancelled{Reason: "stopped"}, lifecycle.Terminated{Reason: "stopped"}}).Draw(w.T, "stop")
	w.asked[id] = true
	if _, err := w.store.Job(w.ctx, id); err == nil {
		w.step(id, ev)
	}
}

func (w *world) step(id string, ev lifecycle.Event) batch.Job {
	job, err := w.store.Transition(w.ctx, id, func(j batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(j, ev, w.clock.Now())
		return next, err
	})
	w.must(err)
	return job
}

// startSome admits some of what waits, and brings most of it to RUNNING, and reports whether there was any.
func (w *world) startSome(n int) bool {
	started := false
	for _, q := range w.queues {
		waiting, _, err := w.store.WaitingIn(w.ctx, q.Number, "", "", 100)
		w.must(err)
		for _, job := range rapid.Permutation(waiting).Draw(w.T, "order") {
			if n == 0 {
				break
			}
			short, err := w.store.TakeConsumables(w.ctx, batch.AttemptID(job.ID, len(job.Attempts)+1), job.Consumables)
			w.must(err)
			if short != "" {
				continue
			}
			w.checkMayRun(job)
			job = w.step(job.ID, lifecycle.Admitted{ComputeEnvironment: "ce"})
			if rapid.Bool().Draw(w.T, "bound") {
				w.start(job)
			}
			started = true
			n--
		}
	}
	return started
}

func (w *world) start(job batch.Job) {
	w.step(job.ID, lifecycle.Bound{Attempt: job.Current.Number, NodeName: "n"})
	w.step(job.ID, lifecycle.Started{Attempt: job.Current.Number, At: t0})
}

// finishSome ends some attempts, or takes their admission back.
func (w *world) finishSome(n int) bool {
	finished := false
	for _, q := range w.queues {
		live, err := w.store.Live(w.ctx, q.Number)
		w.must(err)
		for _, id := range rapid.Permutation(live).Draw(w.T, "order") {
			if n == 0 {
				break
			}
			w.finish(id)
			finished = true
			n--
		}
	}
	return finished
}

func (w *world) finish(id string) {
	job, err := w.store.Job(w.ctx, id)
	w.must(err)
	attempt := job.Current.Number
	if job.Status == batch.StatusRunnable {
		if rapid.IntRange(0, 3).Draw(w.T, "withdrawn") == 0 {
			w.step(id, lifecycle.Withdrawn{Attempt: attempt})
			return
		}
		w.start(job)
	}
	w.step(id, lifecycle.Ended{Attempt: attempt, Succeeded: attempt > w.failures[id]})
	w.spent += int64(len(job.Consumables)) / 2
}

// dependencies are the ids that one run waits for.
func (w *world) dependencies(job batch.Job, index int) []string {
	var ids []string
	for _, d := range job.DependsOn {
		switch d.Type {
		case batch.DependencyNToN:
			ids = append(ids, batch.ChildID(d.JobID, index))
		case batch.DependencySequential:
			if index > 0 {
				ids = append(ids, batch.ChildID(job.ID, index-1))
			}
		default:
			ids = append(ids, d.JobID)
		}
	}
	return ids
}

func (w *world) status(id string) batch.JobStatus {
	job, err := w.store.Job(w.ctx, id)
	w.must(err)
	return job.Status
}

// checkMayRun holds that nothing runs before what it waits for succeeded.
func (w *world) checkMayRun(job batch.Job) {
	ref, err := batch.ParseJobID(job.ID)
	w.must(err)
	for _, on := range w.dependencies(w.jobs[ref.Job], ref.Child) {
		if s := w.status(on); s != batch.StatusSucceeded {
			w.Fatalf("%s runs while %s is %s", job.ID, on, s)
		}
	}
}

// end lets everything run to its end.
func (w *world) end() {
	for range 200 {
		w.must(w.releaser.runOnce(w.ctx))
		started, finished := w.startSome(plenty), w.finishSome(plenty)
		if !started && !finished && w.marks() == 0 {
			return
		}
	}
	w.Fatal("it does not come to an end")
}

func (w *world) marks() int {
	n := 0
	for _, q := range w.queues {
		marks, err := w.store.Settled(w.ctx, q.Number, 0, plenty)
		w.must(err)
		n += len(marks)
	}
	return n
}
