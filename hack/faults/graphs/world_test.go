// SPDX-License-Identifier: Apache-2.0

package graphs

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/release"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// world is a control plane, a releaser and somebody who runs what may run, and the oracle that is told of it.
type world struct {
	*testing.T
	*oracle

	random  *rand.Rand
	store   *storetest.Memory
	service *controlplane.Service
	queue   int // its number
	byID    map[string]int
	stops   bool

	running []run
	doomed  map[run]bool // terminated while they ran
	asked   map[run]bool // to stop; of an array as a whole, child is -1
	crashed int
}

var caller = batch.Call{Scope: batch.Scope{Region: "eu-west-1", Account: "111122223333"}}

type nobody struct{}

func (nobody) Wake() {}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		T: t, oracle: newOracle(), random: rand.New(rand.NewPCG(seed, 7)), //nolint:gosec // the same for the same seed
		store: storetest.NewMemory(), byID: map[string]int{}, doomed: map[run]bool{}, asked: map[run]bool{}, stops: seed%2 == 1,
	}
	service, err := controlplane.New(w.store, clock.RealClock{}, controlplane.Config{})
	w.must(err)
	w.service = service
	w.must(w.store.CreateEnvironment(t.Context(), batch.ComputeEnvironment{
		Name: "ce", Type: batch.Managed, State: batch.Enabled, Status: batch.ResourceValid,
	}))
	queue, err := w.store.CreateQueue(t.Context(), batch.JobQueue{
		Name: "q", State: batch.Enabled, Status: batch.ResourceValid, Environments: []batch.EnvironmentOrder{{Order: 1, Name: "ce"}},
	})
	w.must(err)
	w.queue = queue.Number
	_, err = w.store.RegisterDefinition(t.Context(), batch.JobDefinition{
		Name: "d", Type: "container", RetryStrategy: &batch.RetryStrategy{Attempts: 2},
		ContainerProperties: []byte(`{"image":"i","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}`),
	})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.Helper()
		w.Fatal(err)
	}
}

// lead runs a releaser until stop; a world has several, one after the other.
func (w *world) lead() (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	r := release.New(w.store, nobody{}, release.Config{Tick: time.Second, Batch: 100, Parallel: 2})
	var working sync.WaitGroup
	working.Go(func() { w.must(r.Run(ctx)) })
	return func() {
		cancel()
		working.Wait()
	}
}

// submit adds a job or array that depends on earlier ones.
func (w *world) submit(size int) {
	n := &node{size: size}
	w.draw(n)
	in := &awsapi.SubmitJobRequest{JobName: new("n"), JobQueue: new("q"), JobDefinition: new("d")}
	if size > 0 {
		in.ArrayProperties = &awsapi.ArrayProperties{Size: &size}
	}
	for _, e := range n.edges {
		d := awsapi.JobDependency{}
		if e.kind != "" {
			d.Type = new(string(e.kind))
		}
		if e.kind != batch.DependencySequential {
			d.JobId = new(w.idOf(run{e.to, e.child}))
		}
		in.DependsOn = append(in.DependsOn, d)
	}
	call := caller
	call.Invocation = strconv.Itoa(len(w.nodes))
	out, err := w.service.SubmitJob(w.Context(), call, in)
	w.must(err)
	n.id = *out.JobId
	w.byID[n.id] = len(w.nodes)
	w.nodes = append(w.nodes, n)
}

// draw draws what a job depends on: up to 20 dependencies, few more often.
func (w *world) draw(n *node) {
	var like []int
	for i, other := range w.nodes {
		if n.size > 0 && other.size == n.size {
			like = append(like, i)
		}
	}
	if len(like) > 0 && w.random.IntN(2) == 0 {
		n.edges = append(n.edges, edge{batch.DependencyNToN, like[w.random.IntN(len(like))], -1})
	}
	if n.size > 0 && n.size <= 50 && w.random.IntN(4) == 0 {
		n.edges = append(n.edges, edge{kind: batch.DependencySequential})
	}
	if len(w.nodes) == 0 {
		return
	}
	most := []int{1, 2, 4, 20}[w.random.IntN(4)]
	for range min(w.random.IntN(most+1), 20-len(n.edges)) {
		e := edge{to: w.random.IntN(len(w.nodes)), child: -1}
		if size := w.nodes[e.to].size; size > 0 && w.random.IntN(3) == 0 {
			e.child = w.random.IntN(size)
		}
		if !slices.Contains(n.edges, e) {
			n.edges = append(n.edges, e)
		}
	}
}

func (w *world) idOf(r run) string {
	if r.child >= 0 {
		return batch.ChildID(w.nodes[r.job].id, r.child)
	}
	return w.nodes[r.job].id
}

func (w *world) runOf(id string) run {
	ref, err := batch.ParseJobID(id)
	w.must(err)
	return run{w.byID[ref.Job], ref.Child}
}

// stop cancels or terminates any job, array or child.
func (w *world) stop() {
	if !w.stops || len(w.nodes) == 0 {
		return
	}
	r := run{w.random.IntN(len(w.nodes)), -1}
	if size := w.nodes[r.job].size; size > 0 && w.random.IntN(2) == 0 {
		r.child = w.random.IntN(size)
	}
	id := w.idOf(r)
	w.asked[r] = true
	if w.random.IntN(2) == 0 {
		_, err := w.service.CancelJob(w.Context(), caller, &awsapi.CancelJobRequest{JobId: &id, Reason: new("stopped")})
		w.must(err)
		return
	}
	_, err := w.service.TerminateJob(w.Context(), caller, &awsapi.TerminateJobRequest{JobId: &id, Reason: new("stopped")})
	w.must(err)
	if slices.Contains(w.running, r) {
		w.doomed[r] = true
	}
}

// start runs up to so many of what waits.
func (w *world) start(most int) {
	waiting, _, err := w.store.WaitingIn(w.Context(), w.queue, "", "", 1000)
	w.must(err)
	w.random.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
	for _, job := range waiting[:min(most, len(waiting))] {
		r := w.runOf(job.ID)
		if now, _ := w.may(r); !now || w.fates[r] != open {
			w.Fatalf("%v runs; what it waits for: %v; itself: %v", r, w.waitsFor(r), w.fates[r])
		}
		n := len(job.Attempts) + 1
		for _, ev := range []lifecycle.Event{
			lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "p"}, lifecycle.Bound{Attempt: n, NodeName: "n"}, lifecycle.Started{Attempt: n, At: time.Now()},
		} {
			w.step(job.ID, ev)
		}
		w.running = append(w.running, r)
	}
}

func (w *world) step(id string, ev lifecycle.Event) batch.Job {
	job, err := w.store.Transition(w.Context(), id, func(j batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(j, ev, time.Now())
		return next, err
	})
	w.must(err)
	return job
}

// finish ends up to so many of what runs; one in eight attempts fails.
func (w *world) finish(most int) {
	w.random.Shuffle(len(w.running), func(i, j int) { w.running[i], w.running[j] = w.running[j], w.running[i] })
	for _, r := range w.running[:min(most, len(w.running))] {
		id := w.idOf(r)
		before, err := w.store.Job(w.Context(), id)
		w.must(err)
		goesWell := w.random.IntN(8) > 0
		job := w.step(id, lifecycle.Ended{Attempt: before.Current.Number, Succeeded: goesWell, StatusReason: lifecycle.ReasonExited})
		w.judge(r, job, goesWell)
	}
	w.running = w.running[min(most, len(w.running)):]
}

// judge holds the end of an attempt to what it must come to. A child whose array is being terminated may hear of it before
// its end or after.
func (w *world) judge(r run, job batch.Job, goesWell bool) {
	isStopped := w.doomed[r]
	if r.child >= 0 && w.asked[run{r.job, -1}] {
		isStopped = job.Stop != nil
	}
	want := batch.StatusRunnable
	switch {
	case isStopped, !goesWell && len(job.Attempts) == 2:
		want = batch.StatusFailed
	case goesWell:
		want = batch.StatusSucceeded
	}
	if job.Status != want {
		w.Fatalf("%v is %s %q after attempt %d, which went well: %v; want %s", r, job.Status, job.StatusReason, len(job.Attempts), goesWell, want)
	}
	if want == batch.StatusSucceeded {
		w.end(r, succeeded)
	}
	if want == batch.StatusFailed {
		w.end(r, failed)
	}
}

// pass lets a moment pass in which the releaser does its work.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
