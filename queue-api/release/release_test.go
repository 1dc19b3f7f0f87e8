// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/hack/leaktest"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/storetest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// wakes counts how often a dispatcher was woken; one round at a time.
type wakes int

func (w *wakes) Wake() { *w++ }

// bench is a store with two queues and a releaser on it.
type bench struct {
	store    *storetest.Memory
	releaser *Releaser
	clock    *clocktesting.FakeClock
	wakes    wakes
	queues   []batch.JobQueue
	made     int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{store: storetest.NewMemory(), clock: clocktesting.NewFakeClock(t0)}
	b.releaser = New(b.store, &b.wakes, Config{Clock: b.clock, Parallel: 1})
	for _, name := range []string{"q", "r"} {
		q, err := b.store.CreateQueue(t.Context(), batch.JobQueue{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		b.queues = append(b.queues, q)
	}
	return b
}

// submit stores a job, array if size is positive, of one of the two queues, and gives its id.
func (b *bench) submit(t *testing.T, queue, size int, dependsOn ...batch.Dependency) string {
	t.Helper()
	job := b.newJob(queue, size, dependsOn...)
	for _, d := range dependsOn {
		if d.JobID == "" {
			continue
		}
		if _, err := b.store.AddDependent(t.Context(), d.JobID, batch.Dependent{ID: job.ID, Type: d.Type}); err != nil {
			t.Fatal(err)
		}
	}
	b.keep(t, queue, job)
	return job.ID
}

func (b *bench) newJob(queue, size int, dependsOn ...batch.Dependency) batch.Job {
	b.made++
	job := batch.Job{
		ID: batch.DeriveJobID(b.queues[queue].Number, strconv.Itoa(b.made)), Queue: b.queues[queue].Name,
		Status: batch.StatusRunnable, ArraySize: size, DependsOn: dependsOn, RetryStrategy: &batch.RetryStrategy{Attempts: 2},
	}
	for _, d := range dependsOn {
		if d.Type == "" {
			job.Unmet = append(job.Unmet, d.JobID)
		}
	}
	if size > 0 || len(job.Unmet) > 0 {
		job.Status = batch.StatusPending
	}
	return job
}

func (b *bench) keep(t *testing.T, queue int, job batch.Job) {
	t.Helper()
	if _, err := b.store.Submit(t.Context(), b.queues[queue].Number, job); err != nil {
		t.Fatal(err)
	}
}

func on(id string) batch.Dependency { return batch.Dependency{JobID: id} }
func eachOn(id string) batch.Dependency {
	return batch.Dependency{JobID: id, Type: batch.DependencyNToN}
}
func inSequence() batch.Dependency     { return batch.Dependency{Type: batch.DependencySequential} }
func child(array string, i int) string { return batch.ChildID(array, i) }
func admitted() lifecycle.Event        { return lifecycle.Admitted{ComputeEnvironment: "ce"} }
func bound() lifecycle.Event           { return lifecycle.Bound{Attempt: 1, NodeName: "n"} }
func started() lifecycle.Event         { return lifecycle.Started{Attempt: 1, At: t0} }
func succeeded() lifecycle.Event       { return lifecycle.Ended{Attempt: 1, Succeeded: true} }
func failed() lifecycle.Event          { return lifecycle.Ended{Attempt: 1, StatusReason: "x"} }

func (b *bench) step(t *testing.T, id string, evs ...lifecycle.Event) {
	t.Helper()
	for _, ev := range evs {
		_, err := b.store.Transition(t.Context(), id, func(j batch.Job) (batch.Job, error) {
			next, _, err := lifecycle.Step(j, ev, b.clock.Now())
			return next, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// run brings a job or child to RUNNING.
func (b *bench) run(t *testing.T, id string) {
	t.Helper()
	b.step(t, id, admitted(), bound(), started())
}

func (b *bench) succeed(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		b.run(t, id)
		b.step(t, id, succeeded())
	}
}

func (b *bench) fail(t *testing.T, id string) {
	t.Helper()
	b.step(t, id, lifecycle.Cancelled{Reason: "enough"})
}

func (b *bench) round(t *testing.T) {
	t.Helper()
	if err := b.releaser.runOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// rounds runs until nobody asks for another round.
func (b *bench) rounds(t *testing.T) {
	t.Helper()
	for again := true; again; {
		b.round(t)
		select {
		case <-b.releaser.wake:
		default:
			again = false
		}
	}
}

func (b *bench) repair(t *testing.T) {
	t.Helper()
	if err := b.releaser.repair(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) job(t *testing.T, id string) batch.Job {
	t.Helper()
	job, err := b.store.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func (b *bench) want(t *testing.T, id string, status batch.JobStatus, reason string) {
	t.Helper()
	if got := b.job(t, id); got.Status != status || got.StatusReason != reason {
		t.Errorf("%s is %s %q, want %s %q", id, got.Status, got.StatusReason, status, reason)
	}
}

func (b *bench) wantChildren(t *testing.T, id string, want map[batch.JobStatus]int) {
	t.Helper()
	if diff := cmp.Diff(want, b.job(t, id).Children, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("children mismatch (-want +got):\n%s", diff)
	}
}

// Contract 4.8: a job waits for every dependency to succeed and fails with the first that fails.
func TestDependentsAreTold(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		size       int                                        // of what waits
		end        func(t *testing.T, b *bench, first string) // of what it waits for
		both       bool                                       // it waits for another one, too
		wantStatus batch.JobStatus
		wantReason string
	}{
		"a job may run once its dependency succeeded": {
			end:        func(t *testing.T, b *bench, first string) { t.Helper(); b.succeed(t, first) },
			wantStatus: batch.StatusRunnable,
		},
		"a job waits for the other dependency still": {
			both:       true,
			end:        func(t *testing.T, b *bench, first string) { t.Helper(); b.succeed(t, first) },
			wantStatus: batch.StatusPending,
		},
		"a job fails with its dependency": {
			both:       true,
			end:        func(t *testing.T, b *bench, first string) { t.Helper(); b.fail(t, first) },
			wantStatus: batch.StatusFailed, wantReason: lifecycle.ReasonDependencyFailed,
		},
		"an array fails with its dependency": {
			size:       3,
			end:        func(t *testing.T, b *bench, first string) { t.Helper(); b.fail(t, first) },
			wantStatus: batch.StatusFailed, wantReason: lifecycle.ReasonDependencyFailed,
		},
		"an array stays PENDING while its children may run": {
			size:       3,
			end:        func(t *testing.T, b *bench, first string) { t.Helper(); b.succeed(t, first) },
			wantStatus: batch.StatusPending,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			first, second := b.submit(t, 0, 0), b.submit(t, 1, 0)
			dependsOn := []batch.Dependency{on(first)}
			if tc.both {
				dependsOn = append(dependsOn, on(second))
			}
			id := b.submit(t, 1, tc.size, dependsOn...)
			b.rounds(t)
			b.want(t, id, batch.StatusPending, "")
			tc.end(t, b, first)
			b.rounds(t)
			b.want(t, id, tc.wantStatus, tc.wantReason)
			if tc.size > 0 {
				b.wantChildren(t, id, map[batch.JobStatus]int{map[bool]batch.JobStatus{true: batch.StatusFailed, false: batch.StatusRunnable}[tc.wantReason != ""]: 3})
			}
			if tc.wantStatus == batch.StatusRunnable && b.wakes == 0 {
				t.Error("the dispatcher does not know")
			}
		})
	}
}

// Contract 4.8: an array counts when it SUCCEEDED; a child alone may be waited for.
func TestArraysAndChildrenAreWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	array := b.submit(t, 0, 2)
	whole, part := b.submit(t, 0, 0, on(array)), b.submit(t, 0, 0, on(child(array, 1)))
	b.succeed(t, child(array, 1))
	b.rounds(t)
	b.want(t, whole, batch.StatusPending, "")
	b.want(t, part, batch.StatusRunnable, "")
	b.fail(t, child(array, 0))
	b.rounds(t)
	b.want(t, array, batch.StatusFailed, lifecycle.ReasonChildFailed)
	b.want(t, whole, batch.StatusFailed, lifecycle.ReasonDependencyFailed)
	b.want(t, part, batch.StatusRunnable, "")
}

// Contract 4.8: child i+1 waits for child i; a failure fails the rest in turn.
func TestSequenceGoesOneByOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.submit(t, 0, 0)
	array := b.submit(t, 0, 4, on(first), inSequence())
	b.rounds(t)
	b.wantChildren(t, array, map[batch.JobStatus]int{batch.StatusPending: 4})
	b.succeed(t, first)
	b.rounds(t)
	b.wantChildren(t, array, map[batch.JobStatus]int{batch.StatusPending: 3, batch.StatusRunnable: 1})
	b.succeed(t, child(array, 0))
	b.rounds(t)
	b.want(t, child(array, 1), batch.StatusRunnable, "")
	b.want(t, child(array, 2), batch.StatusPending, "")
	b.fail(t, child(array, 1))
	b.rounds(t)
	b.want(t, child(array, 3), batch.StatusFailed, lifecycle.ReasonDependencyFailed)
	b.want(t, array, batch.StatusFailed, lifecycle.ReasonChildFailed)
	b.wantChildren(t, array, map[batch.JobStatus]int{batch.StatusSucceeded: 1, batch.StatusFailed: 3})
}

// Contract 4.8: child i waits for child i of the other array, and goes before the other array has ended.
func TestPairsGoOneByOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, other := b.submit(t, 0, 0), b.submit(t, 0, 4)
	b.succeed(t, child(other, 3))
	array := b.submit(t, 1, 4, on(first), eachOn(other))
	b.succeed(t, child(other, 0))
	b.rounds(t)
	b.wantChildren(t, array, map[batch.JobStatus]int{batch.StatusPending: 4})
	b.succeed(t, first)
	b.rounds(t)
	b.wantChildren(t, array, map[batch.JobStatus]int{batch.StatusPending: 2, batch.StatusRunnable: 2})
	b.fail(t, child(other, 1))
	b.rounds(t)
	b.want(t, child(array, 1), batch.StatusFailed, lifecycle.ReasonDependencyFailed)
	b.want(t, child(array, 2), batch.StatusPending, "")
}

func TestPairsOfAStoppedArrayFailAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.submit(t, 0, 3)
	array := b.submit(t, 0, 3, eachOn(other))
	b.run(t, child(other, 1))
	b.step(t, other, lifecycle.Cancelled{Reason: "enough"})
	b.rounds(t)
	b.wantChildren(t, array, map[batch.JobStatus]int{batch.StatusFailed: 2, batch.StatusPending: 1})
	b.want(t, other, batch.StatusPending, "")
	b.step(t, child(other, 1), succeeded())
	b.rounds(t)
	b.want(t, child(array, 1), batch.StatusRunnable, "")
	b.want(t, other, batch.StatusFailed, "enough")
}

// pageGuard holds that nothing is asked for more than a page at once.
type pageGuard struct {
	*storetest.Memory
	tb    testing.TB
	limit int
}

func (g pageGuard) check(n int) {
	if n > g.limit {
		g.tb.Errorf("%d at once, want at most %d", n, g.limit)
	}
}

func (g pageGuard) Jobs(ctx context.Context, ids []string) ([]batch.Job, error) {
	g.check(len(ids))
	return g.Memory.Jobs(ctx, ids)
}

func (g pageGuard) ListChildren(ctx context.Context, id string, status batch.JobStatus, from, limit int) ([]batch.Job, int, error) {
	g.check(limit)
	return g.Memory.ListChildren(ctx, id, status, from, limit)
}

func (g pageGuard) Settled(ctx context.Context, queue int, after int64, limit int) ([]batch.Settled, error) {
	g.check(limit)
	return g.Memory.Settled(ctx, queue, after, limit)
}

func TestLargeArraysGoInPages(t *testing.T) {
	t.Parallel()
	const size = 10_000
	b := newBench(t)
	b.releaser = New(pageGuard{b.store, t, 500}, noDispatcher{}, Config{Clock: b.clock})
	other := b.submit(t, 0, size)
	array := b.submit(t, 0, size, eachOn(other))
	for i := range size {
		b.succeed(t, child(other, i))
	}
	b.rounds(t)
	b.want(t, other, batch.StatusSucceeded, "")
	b.wantChildren(t, array, map[batch.JobStatus]int{batch.StatusRunnable: size})
	b.step(t, array, lifecycle.Terminated{Reason: "enough"})
	b.rounds(t)
	b.want(t, array, batch.StatusFailed, "enough")
	b.wantChildren(t, array, map[batch.JobStatus]int{batch.StatusFailed: size})
}

// Contract 4.7: CancelJob of an array cancels the children that are not yet STARTING, TerminateJob stops all.
func TestStoppedArrayStopsItsChildren(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		stop         lifecycle.Event
		wantStarting *batch.Stop
	}{
		"cancelled":  {lifecycle.Cancelled{Reason: "enough"}, nil},
		"terminated": {lifecycle.Terminated{Reason: "enough"}, &batch.Stop{Kind: batch.StopTerminated, Reason: "enough"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			array := b.submit(t, 0, 6)
			b.step(t, child(array, 0), admitted())
			b.step(t, child(array, 1), admitted(), bound())
			b.run(t, child(array, 2))
			b.succeed(t, child(array, 3))
			b.step(t, child(array, 4), admitted(), bound(), failed()) // RUNNABLE again
			b.step(t, array, tc.stop)
			b.rounds(t)
			for _, i := range []int{0, 4, 5} {
				b.want(t, child(array, i), batch.StatusFailed, "enough")
			}
			for _, i := range []int{1, 2} {
				if diff := cmp.Diff(tc.wantStarting, b.job(t, child(array, i)).Stop); diff != "" {
					t.Errorf("stop of child %d (-want +got):\n%s", i, diff)
				}
			}
			b.want(t, array, batch.StatusPending, "")
			b.step(t, child(array, 1), started(), succeeded())
			b.step(t, child(array, 2), succeeded())
			b.rounds(t)
			b.want(t, array, batch.StatusFailed, "enough")
		})
	}
}

func TestTerminationOutdoesCancellation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	array := b.submit(t, 0, 2)
	b.run(t, child(array, 0))
	b.step(t, array, lifecycle.Cancelled{Reason: "enough"})
	b.rounds(t)
	b.step(t, array, lifecycle.Terminated{Reason: "really"})
	b.rounds(t)
	want := &batch.Stop{Kind: batch.StopTerminated, Reason: "really"}
	if diff := cmp.Diff(want, b.job(t, child(array, 0)).Stop); diff != "" {
		t.Errorf("stop mismatch (-want +got):\n%s", diff)
	}
}

func TestDependentThatIsNotSubmittedYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		after      time.Duration
		wantStatus batch.JobStatus
	}{
		"within the grace": {119 * time.Second, batch.StatusRunnable},
		"after it":         {121 * time.Second, batch.StatusPending},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			first := b.submit(t, 0, 0)
			there := b.submit(t, 0, 0, on(first))
			late := b.newJob(0, 0, on(first))
			if _, err := b.store.AddDependent(t.Context(), first, batch.Dependent{ID: late.ID}); err != nil {
				t.Fatal(err)
			}
			b.succeed(t, first)
			b.rounds(t)
			b.want(t, there, batch.StatusRunnable, "")
			b.clock.Step(tc.after)
			b.rounds(t)
			b.keep(t, 0, late)
			b.rounds(t)
			b.want(t, late.ID, tc.wantStatus, "")
			dependents, err := b.store.Dependents(t.Context(), first)
			if err != nil || len(dependents) > 0 {
				t.Errorf("dependents %v, error %v", dependents, err)
			}
		})
	}
}

func TestMissingDependentDoesNotSpin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.submit(t, 0, 0)
	if _, err := b.store.AddDependent(t.Context(), first, batch.Dependent{ID: b.newJob(0, 0).ID}); err != nil {
		t.Fatal(err)
	}
	b.succeed(t, first)
	b.round(t)
	if len(b.releaser.wake) > 0 {
		t.Error("a round that left everything for later asks for another at once")
	}
}

// scripted is a store whose list of queues fails as told.
type scripted struct {
	*storetest.Memory
	errs  []error
	calls int
}

func (s *scripted) Queues(ctx context.Context) ([]batch.JobQueue, error) {
	s.calls++
	if len(s.errs) > 0 {
		err := s.errs[0]
		s.errs = s.errs[1:]
		if err != nil {
			return nil, err
		}
	}
	return s.Memory.Queues(ctx)
}

func TestRun(t *testing.T) {
	t.Parallel()
	t.Run("tries again after an error and ends with its epoch", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			store := &scripted{Memory: storetest.NewMemory(), errs: []error{nil, errInjected, nil, batch.ErrStaleEpoch}}
			began := time.Now()
			err := New(store, noDispatcher{}, Config{}).Run(t.Context())
			if !errors.Is(err, batch.ErrStaleEpoch) || store.calls != 4 || time.Since(began) != 3*time.Second {
				t.Errorf("error %v after %d rounds and %v", err, store.calls, time.Since(began))
			}
		})
	})
	t.Run("is woken, and ends with its context", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			store := &scripted{Memory: storetest.NewMemory()}
			ctx, cancel := context.WithCancel(t.Context())
			r := New(store, noDispatcher{}, Config{Tick: time.Hour, Repair: 2 * time.Hour})
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			synctest.Wait()
			r.Wake()
			synctest.Wait()
			if store.calls != 2 {
				t.Errorf("%d rounds, want 2", store.calls)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("repairs every minute", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			first := b.submit(t, 0, 0)
			late := b.newJob(0, 0, on(first))
			b.succeed(t, first)
			b.keep(t, 0, late)
			ctx, cancel := context.WithTimeout(t.Context(), 61*time.Second)
			defer cancel()
			if err := New(b.store, noDispatcher{}, Config{}).Run(ctx); err != nil {
				t.Error(err)
			}
			b.want(t, late.ID, batch.StatusRunnable, "")
		})
	})
}

// One mark that cannot be worked on holds no other up.
func TestTroubleOfOneIsNotAnothers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, second := b.submit(t, 0, 0), b.submit(t, 0, 0)
	waits := b.submit(t, 0, 0, on(second))
	b.submit(t, 0, 0, on(first))
	b.releaser = New(&stubborn{b.store, first}, noDispatcher{}, Config{Clock: b.clock, Batch: 1})
	b.succeed(t, first, second)
	if err := b.releaser.runOnce(t.Context()); !errors.Is(err, errInjected) {
		t.Errorf("got %v, want %v", err, errInjected)
	}
	b.want(t, waits, batch.StatusRunnable, "")
}

// stubborn is a store that cannot read one job's dependents.
type stubborn struct {
	*storetest.Memory
	id string
}

func (s *stubborn) Dependents(ctx context.Context, id string) ([]batch.Dependent, error) {
	if id == s.id {
		return nil, errInjected
	}
	return s.Memory.Dependents(ctx, id)
}
