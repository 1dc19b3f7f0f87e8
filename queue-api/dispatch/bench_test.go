// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// podList is the only cluster, and takes every pod, or fails with err, or does what refuse says.
type podList struct {
	mu     sync.Mutex // guards the rest
	made   []*corev1.Pod
	err    error
	refuse func(pod *corev1.Pod) error
}

func (p *podList) Of(batch.ComputeEnvironment) string { return "" }

func (p *podList) Pods(cluster string) (Pods, bool) { return p, cluster == "" }

func (p *podList) Create(_ context.Context, pod *corev1.Pod) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		if err := p.refuse(pod); err != nil {
			return err
		}
	}
	if p.err == nil && !slices.ContainsFunc(p.made, func(q *corev1.Pod) bool { return q.Name == pod.Name }) {
		p.made = append(p.made, pod)
	}
	return p.err
}

func (p *podList) Withdraw(_ context.Context, namespace, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made = slices.DeleteFunc(p.made, func(q *corev1.Pod) bool { return q.Namespace == namespace && q.Name == name })
	return nil
}

// bench is a store with environments ce-a and ce-b and a dispatcher over it.
type bench struct {
	store      storetest.Store
	pods       *podList
	dispatcher *Dispatcher
	clock      *clocktesting.FakeClock
	submitted  int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return newBenchWith(t, Config{})
}

// newBenchWith is newBench with a Config.
func newBenchWith(t *testing.T, cfg Config) *bench {
	t.Helper()
	store, clk := storetest.NewMemory(), newClock()
	store.Now = clk.Now
	return newBenchOn(t, store, clk, cfg)
}

func newClock() *clocktesting.FakeClock {
	return clocktesting.NewFakeClock(time.UnixMilli(1_700_000_000_000))
}

// newBenchOn is a bench on an empty store.
func newBenchOn(t *testing.T, store storetest.Store, clk *clocktesting.FakeClock, cfg Config) *bench {
	t.Helper()
	b := &bench{store: store, pods: &podList{}, clock: clk}
	for i, name := range []string{"ce-a", "ce-b"} {
		err := b.store.CreateEnvironment(t.Context(), batch.ComputeEnvironment{
			Name: name, UUID: fmt.Sprint("uuid-", i), Type: batch.Managed, State: batch.Enabled, Status: batch.ResourceValid, MaxvCPUs: 2,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.store.RegisterDefinition(t.Context(), batch.JobDefinition{
		Name: "d", Type: "container",
		ContainerProperties: []byte(`{"image":"busybox","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Clock, cfg.Pod = b.clock, podspec.Options{Namespace: "jobs"}
	b.dispatcher = New(b.store, b.pods, cfg)
	return b
}

func (b *bench) queue(t *testing.T, name string, priority int, environments ...string) batch.JobQueue {
	t.Helper()
	q := batch.JobQueue{Name: name, State: batch.Enabled, Status: batch.ResourceValid, Priority: priority}
	for i, e := range environments {
		q.Environments = append(q.Environments, batch.EnvironmentOrder{Order: i + 1, Name: e})
	}
	q, err := b.store.CreateQueue(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// submit makes a job of milli thousandths of a vCPU, changed by what is given.
func (b *bench) submit(t *testing.T, q batch.JobQueue, milli int64, change ...func(*batch.Job)) batch.Job {
	t.Helper()
	b.submitted++
	job := batch.Job{
		ID: batch.DeriveJobID(q.Number, strconv.Itoa(b.submitted)), Name: "j", Queue: q.Name, Definition: batch.DefinitionRef{Name: "d", Revision: 1}, CreatedAt: b.clock.Now(),
		Requests: batch.Requests{MilliVCPU: milli, MemoryMiB: 64}, Status: batch.StatusRunnable,
	}
	for _, c := range change {
		c(&job)
	}
	job, err := b.store.Submit(t.Context(), q.Number, job)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// array makes a job an array, inShare gives it a share, needing makes it need a consumable resource.
func array(size int) func(*batch.Job) {
	return func(j *batch.Job) { j.ArraySize, j.Status = size, batch.StatusPending }
}

func inShare(share string, priority int) func(*batch.Job) {
	return func(j *batch.Job) { j.ShareIdentifier, j.SchedulingPriority = share, priority }
}

func needing(resource string, quantity int64) func(*batch.Job) {
	return func(j *batch.Job) {
		j.Consumables = append(j.Consumables, batch.ConsumableRequirement{Name: resource, Quantity: quantity})
	}
}

// environment changes an environment of the bench.
func (b *bench) environment(t *testing.T, name string, change func(*batch.ComputeEnvironment)) {
	t.Helper()
	_, err := b.store.UpdateEnvironment(t.Context(), name, func(e *batch.ComputeEnvironment) error {
		change(e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// changeQueue changes a queue and gives it back.
func (b *bench) changeQueue(t *testing.T, name string, change func(*batch.JobQueue)) batch.JobQueue {
	t.Helper()
	q, err := b.store.UpdateQueue(t.Context(), name, func(q *batch.JobQueue) error {
		change(q)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// step applies an event to a job, as the watcher would.
func (b *bench) step(t *testing.T, id string, ev lifecycle.Event) batch.Job {
	t.Helper()
	job, err := b.store.Transition(t.Context(), id, func(job batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(job, ev, b.clock.Now())
		return next, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// succeed ends a job's attempt well.
func (b *bench) succeed(t *testing.T, id string) {
	t.Helper()
	attempt := b.job(t, id).Current.Number
	b.step(t, id, lifecycle.Bound{Attempt: attempt, NodeName: "n"})
	b.step(t, id, lifecycle.Started{Attempt: attempt, At: b.clock.Now()})
	b.step(t, id, lifecycle.Ended{Attempt: attempt, Succeeded: true, StatusReason: lifecycle.ReasonExited})
}

func (b *bench) job(t *testing.T, id string) batch.Job {
	t.Helper()
	job, err := b.store.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func (b *bench) round(t *testing.T) {
	t.Helper()
	if err := b.dispatcher.runOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// admittedTo gives each job's environment, empty while it waits.
func (b *bench) admittedTo(t *testing.T, jobs ...batch.Job) []string {
	t.Helper()
	var out []string
	for _, j := range jobs {
		where := ""
		if current := b.job(t, j.ID).Current; current != nil {
			where = current.ComputeEnvironment
		}
		out = append(out, where)
	}
	return out
}
