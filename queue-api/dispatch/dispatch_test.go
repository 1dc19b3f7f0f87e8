// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/leaktest"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/fairshare"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/storetest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestRoundAdmitsWithinBudgets(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a", "ce-b")
	jobs := []batch.Job{b.submit(t, q, 1000), b.submit(t, q, 1000), b.submit(t, q, 2000), b.submit(t, q, 1000)}
	for range 2 { // a second round must not admit more
		b.round(t)
	}
	if diff := cmp.Diff([]string{"ce-a", "ce-a", "ce-b", ""}, b.admittedTo(t, jobs...)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
	if len(b.pods.made) != 3 {
		t.Errorf("%d pods made, want 3", len(b.pods.made))
	}
}

// between has something happen after a round has begun, just before it looks at what waits.
type between struct {
	storetest.Store
	happens func()
}

func (s *between) WaitingFirst(ctx context.Context, queue int, shares []string, limit int) ([]batch.Page, error) {
	s.happens()
	return s.Store.WaitingFirst(ctx, queue, shares, limit)
}

func TestJobThatCameAfterItsEnvironmentWasDisabledWaits(t *testing.T) {
	t.Parallel()
	store, clk := &between{Store: storetest.NewMemory(), happens: func() {}}, newClock()
	b := newBenchOn(t, store, clk, Config{})
	q := b.queue(t, "q", 1, "ce-a")
	var job batch.Job
	store.happens = sync.OnceFunc(func() {
		b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.State = batch.Disabled })
		job = b.submit(t, q, 1000)
	})
	b.round(t)
	if diff := cmp.Diff([]string{""}, b.admittedTo(t, job)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
	b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.State = batch.Enabled })
	b.round(t)
	if diff := cmp.Diff([]string{"ce-a"}, b.admittedTo(t, job)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
}

func TestHigherPriorityQueueGoesFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	low, high := b.queue(t, "a-low", 1, "ce-a"), b.queue(t, "b-high", 2, "ce-a")
	jobs := []batch.Job{b.submit(t, low, 2000), b.submit(t, high, 2000)}
	b.round(t)
	if diff := cmp.Diff([]string{"", "ce-a"}, b.admittedTo(t, jobs...)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
}

func TestPodCarriesRankInOrderOfAdmission(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a")
	first, second := b.submit(t, q, 1000), b.submit(t, q, 1000)
	b.round(t)
	rank := map[string]string{}
	for _, p := range b.pods.made {
		rank[p.Labels[batchmeta.JobID]] = p.Annotations[batchmeta.Rank]
	}
	if a, z := rank[first.ID], rank[second.ID]; a == "" || len(a) != len(z) || a >= z {
		t.Errorf("ranks %q and %q", a, z)
	}
}

// tag lets the jobs of a queue preempt.
func (b *bench) tag(t *testing.T, q batch.JobQueue) {
	t.Helper()
	_, err := b.store.UpdateQueue(t.Context(), q.Name, func(q *batch.JobQueue) error {
		q.Tags = map[string]string{batchmeta.Preemption: batchmeta.PreemptionEnabled}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The tag of a queue lets its jobs preempt; nothing that a job says does.
func TestPodOfATaggedQueueMayPreempt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	plain, tagged := b.queue(t, "plain", 1, "ce-a"), b.queue(t, "tagged", 1, "ce-a")
	b.tag(t, tagged)
	tags := func(j *batch.Job) { j.Tags = map[string]string{batchmeta.Preemption: batchmeta.PreemptionEnabled} }
	want := map[string]string{b.submit(t, plain, 1000, tags).ID: "", b.submit(t, tagged, 1000).ID: batchmeta.PreemptionEnabled}
	b.round(t)
	for _, p := range b.pods.made {
		if got, id := p.Annotations[batchmeta.Preemption], p.Labels[batchmeta.JobID]; got != want[id] {
			t.Errorf("job %s has the annotation %q, want %q", id, got, want[id])
		}
	}
	if len(b.pods.made) != 2 {
		t.Errorf("%d pods made", len(b.pods.made))
	}
}

// A queue that may preempt is admitted to what queues of lower priority hold, for the scheduler to take, and never to more
// than there is.
func TestQueueThatPreemptsBorrowsFromLowerOnes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	low, same, high := b.queue(t, "low", 1, "ce-a"), b.queue(t, "same", 2, "ce-a"), b.queue(t, "high", 2, "ce-a")
	b.tag(t, high)
	running := []batch.Job{b.submit(t, low, 1000), b.submit(t, same, 1000)}
	b.round(t)
	waiting := []batch.Job{b.submit(t, high, 1000), b.submit(t, high, 1000), b.submit(t, low, 1000)}
	b.round(t)
	b.round(t)
	if diff := cmp.Diff([]string{"ce-a", "ce-a", "ce-a", "", ""}, b.admittedTo(t, append(running, waiting...)...)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
}

// A pod that is made again keeps the class of its queue.
func TestPodMadeAgainKeepsItsClass(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 7, "ce-a")
	job := b.submit(t, q, 1000)
	b.round(t)
	if err := b.dispatcher.Ensure(t.Context(), b.job(t, job.ID)); err != nil {
		t.Fatal(err)
	}
	for _, p := range b.pods.made {
		if rank := p.Annotations[batchmeta.Rank]; !strings.HasPrefix(rank, "9992") {
			t.Errorf("rank %s", rank)
		}
	}
}

func TestBlockedJobSaysWhy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.submit(t, b.queue(t, "q", 1, "ce-a"), 9000)
	b.round(t)
	if got := b.job(t, job.ID).StatusReason; got != fairshare.ReasonMaxResource {
		t.Errorf("statusReason %q", got)
	}
}

func TestRefusedPodFailsItsJob(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.submit(t, b.queue(t, "q", 1, "ce-a"), 1000)
	b.pods.err = fmt.Errorf("%w: spec.x: Invalid value", ErrRejected)
	b.round(t)
	if got := b.job(t, job.ID); got.Status != batch.StatusFailed || got.StatusReason != "pod is invalid: spec.x: Invalid value" {
		t.Errorf("%s %q", got.Status, got.StatusReason)
	}
}

func TestRefusedPodExplainsItsJobAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a")
	refused := b.submit(t, q, 1000)
	b.pods.err = fmt.Errorf("%w: namespaces \"x\" not found", ErrRefused)
	b.round(t)
	b.pods.err = nil
	next := b.submit(t, q, 1000)
	b.round(t)
	if got := b.job(t, refused.ID); got.Status != batch.StatusRunnable ||
		got.StatusReason != `ACTION_REQUIRED - Kubernetes refuses the pod: namespaces "x" not found` {
		t.Errorf("%s %q", got.Status, got.StatusReason)
	}
	if b.job(t, next.ID).Current == nil || len(b.pods.made) != 1 {
		t.Errorf("%d pods made, want that of the next job", len(b.pods.made))
	}
}

func TestJobThatCanMakeNoPodFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.queue(t, "q", 1, "ce-a")
	id, err := batch.NewJobID(q.Number, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.store.Submit(t.Context(), q.Number, batch.Job{
		ID: id, Queue: "q", Definition: batch.DefinitionRef{Name: "d", Revision: 1}, Status: batch.StatusRunnable,
		ContainerOverrides: []byte(`{"resourceRequirements":[{"type":"VCPU","value":"many"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.round(t)
	if got := b.job(t, id); got.Status != batch.StatusFailed || got.StatusReason == "" {
		t.Errorf("%s %q", got.Status, got.StatusReason)
	}
}

func TestPodThatCouldNotBeMadeIsMadeInTheNextRound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.submit(t, b.queue(t, "q", 1, "ce-a"), 1000)
	b.pods.err = errors.New("connection refused")
	if err := b.dispatcher.runOnce(t.Context()); err == nil {
		t.Error("a failed round was not reported")
	}
	b.pods.err = nil
	b.round(t)
	if len(b.pods.made) != 1 || b.pods.made[0].Labels[batchmeta.JobID] != job.ID {
		t.Errorf("pods %v", b.pods.made)
	}
}

func TestPodThatWasNotMadeIsMadeByEnsure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.submit(t, b.queue(t, "q", 1, "ce-a"), 1000)
	b.pods.err = errors.New("connection refused")
	if err := b.dispatcher.runOnce(t.Context()); err == nil {
		t.Error("a failed round was not reported")
	}
	b.pods.err = nil
	admitted := b.job(t, job.ID)
	for range 2 {
		if err := b.dispatcher.Ensure(t.Context(), admitted); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.pods.made) != 1 || b.pods.made[0].Name != admitted.Current.PodName {
		t.Errorf("pods %v, want one named %s", b.pods.made, admitted.Current.PodName)
	}
}

func TestRunEndsWithItsEpoch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.submit(t, b.queue(t, "q", 1, "ce-a"), 1000)
	d := New(staleStore{b.store}, b.pods, Config{Clock: b.clock, Pod: podspec.Options{Namespace: "jobs"}})
	if err := d.Run(t.Context()); !errors.Is(err, batch.ErrStaleEpoch) {
		t.Errorf("got %v, want %v", err, batch.ErrStaleEpoch)
	}
	if len(b.pods.made) != 0 {
		t.Error("a stale leader made a pod")
	}
}

// staleStore is the store of a leader that has been replaced.
type staleStore struct{ storetest.Store }

func (staleStore) Transition(context.Context, string, func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	return batch.Job{}, batch.ErrStaleEpoch
}
