// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	clocktesting "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fairshare"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// world is a bench to which random things happen.
type world struct {
	*bench
	t      *testing.T
	rt     *rapid.T
	queues []batch.JobQueue
	jobs   []string // ids of everything that may be admitted
}

func newWorld(t *testing.T, rt *rapid.T) *world {
	t.Helper()
	store, clk := storetest.NewMemory(), newClock()
	store.Now = clk.Now
	return newWorldOn(t, rt, store, clk)
}

// newWorldOn is a world on an empty store.
func newWorldOn(t *testing.T, rt *rapid.T, store storetest.Store, clk *clocktesting.FakeClock) *world {
	t.Helper()
	w := &world{bench: newBenchOn(t, store, clk, Config{Batch: 7, Skips: 20}), t: t, rt: rt}
	w.consumable(t, "licence", 3)
	for _, name := range []string{"ce-a", "ce-b"} {
		w.environment(t, name, func(e *batch.ComputeEnvironment) { e.MaxvCPUs = rapid.IntRange(0, 6).Draw(rt, "vcpus") })
	}
	if err := w.store.CreatePolicy(t.Context(), batch.SchedulingPolicy{Name: "p"}); err != nil {
		t.Fatal(err)
	}
	w.queue(t, "fair", rapid.IntRange(0, 2).Draw(rt, "priority"), "ce-b", "ce-a")
	w.queues = []batch.JobQueue{
		w.queue(t, "fifo", rapid.IntRange(0, 2).Draw(rt, "priority"), "ce-a", "ce-b"),
		w.changeQueue(t, "fair", func(q *batch.JobQueue) { q.SchedulingPolicy = "p" }),
	}
	return w
}

func (w *world) submitAny() {
	q := rapid.SampledFrom(w.queues).Draw(w.rt, "queue")
	if rapid.IntRange(0, 9).Draw(w.rt, "kind") == 0 {
		w.jobs = append(w.jobs, w.gang(w.t, q).ID)
		return
	}
	var changes []func(*batch.Job)
	if q.SchedulingPolicy != "" {
		changes = append(changes, inShare(rapid.SampledFrom([]string{"a", "b"}).Draw(w.rt, "share"), rapid.IntRange(0, 2).Draw(w.rt, "priority")))
	}
	if rapid.Bool().Draw(w.rt, "licence") {
		changes = append(changes, needing("licence", rapid.Int64Range(1, 4).Draw(w.rt, "quantity")))
	}
	size := rapid.SampledFrom([]int{0, 0, 0, 2, 12}).Draw(w.rt, "size")
	if size > 0 {
		changes = append(changes, array(size))
	}
	changes = append(changes, func(j *batch.Job) { j.RetryStrategy = &batch.RetryStrategy{Attempts: 2} })
	job := w.submit(w.t, q, rapid.SampledFrom([]int64{250, 500, 1000, 3000, 9000}).Draw(w.rt, "milli"), changes...)
	for i := range size {
		w.jobs = append(w.jobs, batch.ChildID(job.ID, i))
	}
	if size == 0 {
		w.jobs = append(w.jobs, job.ID)
	}
}

// endAny ends, stops or withdraws a job as the watcher would, and gives back what it held as package release would.
func (w *world) endAny() {
	if len(w.jobs) == 0 {
		return
	}
	id := rapid.SampledFrom(w.jobs).Draw(w.rt, "job")
	job := w.job(w.t, id)
	attempt := len(job.Attempts) + 1
	switch {
	case rapid.IntRange(0, 9).Draw(w.rt, "stop") == 0:
		w.step(w.t, id, lifecycle.Cancelled{Reason: "no"})
	case job.Current == nil:
		return
	case job.Status == batch.StatusRunnable && rapid.Bool().Draw(w.rt, "withdraw"):
		w.step(w.t, id, lifecycle.Withdrawn{Attempt: attempt})
	default:
		w.step(w.t, id, lifecycle.Bound{Attempt: attempt, Node: job.MainNode, NodeName: "n"})
		w.step(w.t, id, lifecycle.Started{Attempt: attempt, Node: job.MainNode, At: w.clock.Now()})
		w.step(w.t, id, lifecycle.Ended{
			Attempt: attempt, Node: job.MainNode, Succeeded: rapid.Bool().Draw(w.rt, "succeeded"), StatusReason: lifecycle.ReasonExited,
		})
	}
	if now := w.job(w.t, id); now.Current == nil {
		w.check(w.store.ReturnConsumables(w.t.Context(), batch.AttemptID(id, attempt), true))
	}
}

func (w *world) toggleEnvironment() {
	w.environment(w.t, rapid.SampledFrom([]string{"ce-a", "ce-b"}).Draw(w.rt, "environment"), func(e *batch.ComputeEnvironment) {
		e.State = rapid.SampledFrom([]batch.State{batch.Enabled, batch.Disabled}).Draw(w.rt, "state")
	})
}

func (w *world) check(err error) {
	if err != nil {
		w.rt.Fatal(err)
	}
}

// roundAndCheck does rounds until nothing is left to do, and looks at what must hold.
func (w *world) roundAndCheck() {
	for range 40 { // a round passes over so many jobs and admits so many
		w.check(w.dispatcher.runOnce(w.t.Context()))
		w.clock.Step(time.Second)
	}
	w.checkBudgets()
	w.checkPods()
	w.checkNobodyWaitsForNothing()
}

// checkBudgets: maxvCpus is never exceeded by admission, nor is what there is of a consumable resource.
func (w *world) checkBudgets() {
	held := map[string]int64{}
	for _, q := range w.queues {
		usage, err := w.store.Usage(w.t.Context(), q.Number)
		w.check(err)
		for e, milli := range usage {
			held[e] += milli
		}
	}
	environments, err := w.store.Environments(w.t.Context())
	w.check(err)
	for _, e := range environments {
		if held[e.Name] > int64(e.MaxvCPUs)*1000 {
			w.rt.Fatalf("%s holds %d of %d vCPUs", e.Name, held[e.Name], e.MaxvCPUs)
		}
	}
	licence, err := w.store.Consumable(w.t.Context(), "licence")
	w.check(err)
	if licence.InUseQuantity > licence.TotalQuantity {
		w.rt.Fatalf("%d licences of %d in use", licence.InUseQuantity, licence.TotalQuantity)
	}
}

// checkPods: an admitted job has all its pods, and holds what it needs.
func (w *world) checkPods() {
	holders, err := w.store.ConsumableHolders(w.t.Context())
	w.check(err)
	made := map[string]bool{}
	for _, pod := range w.pods.made {
		made[pod.Name] = true
	}
	for _, id := range w.jobs {
		job := w.job(w.t, id)
		if job.Current == nil {
			continue
		}
		names := []string{job.Current.PodName}
		for _, n := range job.Current.Nodes {
			names = append(names, n.PodName)
		}
		for _, name := range names {
			if !made[name] {
				w.rt.Fatalf("job %s was admitted without pod %s", id, name)
			}
		}
		if len(job.Consumables) > 0 && !slices.Contains(holders, batch.AttemptID(id, job.Current.Number)) {
			w.rt.Fatalf("job %s was admitted without its consumable resources", id)
		}
	}
}

// checkNobodyWaitsForNothing: no environment has room for the first job of a FIFO queue that waits for room alone.
func (w *world) checkNobodyWaitsForNothing() {
	r, err := w.dispatcher.newRound(w.t.Context())
	w.check(err)
	q := w.queues[0]
	jobs, _, err := w.store.WaitingIn(w.t.Context(), q.Number, "", "", 1000)
	w.check(err)
	budgets := r.budgetsOf(q)
	for _, job := range jobs {
		milli := job.Requests.MilliVCPU
		hasRoom := slices.ContainsFunc(budgets, func(b *fairshare.Budget) bool { return b.Holds(milli) })
		neverHas := !slices.ContainsFunc(budgets, func(b *fairshare.Budget) bool { return b.MaxMilli >= milli })
		switch {
		case hasRoom && len(job.Consumables) == 0:
			w.rt.Fatalf("job %s of %d waits although there is room", job.ID, milli)
		case !hasRoom && !neverHas:
			return // the head, which waits for room
		}
	}
}

func (w *world) live() {
	for range rapid.IntRange(1, 5).Draw(w.rt, "phases") {
		for range rapid.IntRange(0, 6).Draw(w.rt, "submissions") {
			w.submitAny()
		}
		for range rapid.IntRange(0, 6).Draw(w.rt, "ends") {
			w.endAny()
		}
		w.toggleEnvironment()
		w.roundAndCheck()
	}
}

func TestAdmissionKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { newWorld(t, rt).live() })
}

// On the store that is in use, a few times: the suite of package storetest holds it to the other.
func TestAdmissionKeepsItsPromisesOnRedis(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, ReadTimeout: time.Minute})
	t.Cleanup(func() { _ = client.Close() })
	life := rapid.Custom(func(rt *rapid.T) bool {
		server.FlushAll()
		clk := newClock()
		leader, err := redisstore.New(client, redisstore.Config{Durability: redisstore.Volatile, Clock: clk}).Lead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		newWorldOn(t, rt, leader, clk).live()
		return true
	})
	for seed := range 5 {
		life.Example(seed)
	}
}

// A FIFO queue of single jobs of one size admits them in the order of their submission, whatever happens in between.
func TestEqualJobsAreNotOvertaken(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		var order []string
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			for range rapid.IntRange(0, 9).Draw(rt, "jobs") {
				order = append(order, w.submit(t, w.queues[0], 1000).ID)
			}
			w.toggleEnvironment()
			w.check(w.dispatcher.runOnce(t.Context()))
			if i := slices.IndexFunc(order, w.waits); i >= 0 {
				if j := slices.IndexFunc(order[i:], func(id string) bool { return !w.waits(id) }); j >= 0 {
					rt.Fatalf("job %d was overtaken by job %d", i, i+j)
				}
			}
		}
	})
}

func (w *world) waits(id string) bool {
	job := w.job(w.t, id)
	return job.IsWaiting()
}

// A store and a cluster that fail at any call leave nothing that a later round does not put right.
func TestRoundsThatAreCutShortAreFinished(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		for range rapid.IntRange(1, 6).Draw(rt, "submissions") {
			w.submitAny()
		}
		cut := &cutStore{Store: w.store}
		d := New(cut, w.pods, w.dispatcher.cfg)
		for range 3 {
			cut.left.Store(rapid.Int64Range(0, 30).Draw(rt, "writes"))
			if err := d.runOnce(t.Context()); err != nil && !errors.Is(err, errCut) {
				rt.Fatal(err)
			}
		}
		w.dispatcher = New(w.store, w.pods, w.dispatcher.cfg) // another leader
		for _, id := range w.jobs {                           // the watcher's reconcile
			w.check(w.dispatcher.Ensure(t.Context(), w.job(t, id)))
		}
		w.roundAndCheck()
	})
}
