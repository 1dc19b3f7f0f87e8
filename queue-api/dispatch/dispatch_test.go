// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/fairshare"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// podList is a cluster that takes every pod, or fails with err.
type podList struct {
	mu   sync.Mutex // guards made and err
	made []*corev1.Pod
	err  error
}

func (p *podList) Create(_ context.Context, pod *corev1.Pod) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && !slices.ContainsFunc(p.made, func(q *corev1.Pod) bool { return q.Name == pod.Name }) {
		p.made = append(p.made, pod)
	}
	return p.err
}

// bench is a store with environments ce-a and ce-b and a dispatcher over it.
type bench struct {
	store      *storetest.Memory
	pods       *podList
	dispatcher *Dispatcher
	clock      *clocktesting.FakeClock
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{store: storetest.NewMemory(), pods: &podList{}, clock: clocktesting.NewFakeClock(time.UnixMilli(1_700_000_000_000))}
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
	b.dispatcher = New(b.store, b.pods, Config{Clock: b.clock, Pod: podspec.Options{Namespace: "jobs"}})
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

func (b *bench) submit(t *testing.T, q batch.JobQueue, milli int64) batch.Job {
	t.Helper()
	id, err := batch.NewJobID(q.Number, nil)
	if err != nil {
		t.Fatal(err)
	}
	job, err := b.store.Submit(t.Context(), q.Number, batch.Job{
		ID: id, Name: "j", Queue: q.Name, Definition: batch.DefinitionRef{Name: "d", Revision: 1}, CreatedAt: b.clock.Now(),
		Requests: batch.Requests{MilliVCPU: milli, MemoryMiB: 64}, Status: batch.StatusRunnable,
	})
	if err != nil {
		t.Fatal(err)
	}
	return job
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
type staleStore struct{ *storetest.Memory }

func (staleStore) Transition(context.Context, string, func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	return batch.Job{}, batch.ErrStaleEpoch
}
