// SPDX-License-Identifier: Apache-2.0

package release

import (
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// expected tells how a job, array or child ends that nobody stops, and why, from the graph alone.
func (w *world) expected(id string) (succeeded bool, reason string) {
	ref, err := batch.ParseJobID(id)
	w.must(err)
	job := w.jobs[ref.Job]
	if ref.Child < 0 && job.IsArray() {
		for _, d := range job.DependsOn {
			if d.Type == "" && !w.succeeds(d.JobID) {
				return false, lifecycle.ReasonDependencyFailed
			}
		}
		for _, child := range w.runs(job) {
			if !w.succeeds(child) {
				return false, lifecycle.ReasonChildFailed
			}
		}
		return true, ""
	}
	for _, on := range w.dependencies(job, ref.Child) {
		if !w.succeeds(on) {
			return false, lifecycle.ReasonDependencyFailed
		}
	}
	return w.failures[id] < 2, ""
}

func (w *world) succeeds(id string) bool {
	succeeded, _ := w.expected(id)
	return succeeded
}

// check holds what must be so in the end.
func (w *world) check() {
	for _, id := range w.ids {
		job := w.jobs[id]
		if job.IsArray() {
			w.checkArray(id)
		}
		for _, run := range append(w.runs(job), id) {
			got, err := w.store.Job(w.ctx, run)
			w.must(err)
			if !got.Status.IsTerminal() {
				w.Fatalf("%s is stuck in %s, waits for %v", run, got.Status, got.Unmet)
			}
			if !w.stops {
				w.checkOutcome(got)
			}
			dependents, err := w.store.Dependents(w.ctx, run)
			w.must(err)
			if len(dependents) > 0 {
				w.Fatalf("%s still has dependents %v", run, dependents)
			}
		}
	}
	w.checkCascade()
	w.checkResources()
}

func (w *world) checkOutcome(got batch.Job) {
	succeeded, reason := w.expected(got.ID)
	if got.Status == batch.StatusSucceeded != succeeded {
		w.Fatalf("%s is %s %q", got.ID, got.Status, got.StatusReason)
	}
	if (got.IsArray() || reason != "") && got.StatusReason != reason {
		w.Fatalf("%s is %s %q, want reason %q", got.ID, got.Status, got.StatusReason, reason)
	}
}

// checkArray holds that the counts add up and agree with the array's status.
func (w *world) checkArray(id string) {
	array, err := w.store.Job(w.ctx, id)
	w.must(err)
	want := map[batch.JobStatus]int{}
	for _, child := range w.runs(array) {
		want[w.status(child)]++
	}
	if diff := cmp.Diff(want, array.Children); diff != "" {
		w.Fatalf("children of %s (-want +got):\n%s", id, diff)
	}
	if array.Status == batch.StatusSucceeded != (want[batch.StatusSucceeded] == array.ArraySize) {
		w.Fatalf("%s is %s with %v", id, array.Status, want)
	}
}

// checkCascade holds that what waited for a failure failed, and that nothing failed without a cause.
func (w *world) checkCascade() {
	for _, id := range w.ids {
		for _, run := range w.runs(w.jobs[id]) {
			ref, err := batch.ParseJobID(run)
			w.must(err)
			cause := w.failures[run] > 1 || w.asked[run] || w.asked[id]
			for _, on := range w.dependencies(w.jobs[id], ref.Child) {
				if w.status(on) == batch.StatusFailed {
					cause = true
					if w.status(run) != batch.StatusFailed {
						w.Fatalf("%s is %s, its dependency %s failed", run, w.status(run), on)
					}
				}
			}
			if w.status(run) == batch.StatusFailed && !cause {
				w.Fatalf("%s failed without a cause", run)
			}
		}
	}
}

// checkResources holds that everything came back that was not spent.
func (w *world) checkResources() {
	seat, err := w.store.Consumable(w.ctx, "seat")
	w.must(err)
	token, err := w.store.Consumable(w.ctx, "token")
	w.must(err)
	if seat.InUseQuantity != 0 || token.InUseQuantity != 0 || token.TotalQuantity != plenty-w.spent {
		w.Fatalf("in use %d and %d, left %d after %d were spent", seat.InUseQuantity, token.InUseQuantity, token.TotalQuantity, w.spent)
	}
}

// runGraphs lets so many times 100 graphs come to their end, each on an empty store.
func runGraphs(t *testing.T, rounds int, stops bool, open func(t *testing.T) storetest.Store) {
	t.Helper()
	for round := range rounds {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				w := newWorld(rt, open(t), stops)
				for range rapid.IntRange(1, 7).Draw(rt, "jobs") {
					w.submit()
					w.meanwhile()
				}
				w.end()
				w.check()
			})
		})
	}
}

func onMemory(*testing.T) storetest.Store { return storetest.NewMemory() }

func TestGraphsComeToTheirEnd(t *testing.T) {
	runGraphs(t, 50, false, onMemory)
}

func TestStoppedGraphsComeToTheirEnd(t *testing.T) {
	runGraphs(t, 50, true, onMemory)
}

// On the store that is in use, fewer: the suite of package storetest holds it to the other.
func TestGraphsComeToTheirEndOnRedis(t *testing.T) {
	t.Parallel()
	for _, stops := range []bool{false, true} {
		t.Run(fmt.Sprint("stopped ", stops), func(t *testing.T) {
			t.Parallel()
			server := miniredis.RunT(t)
			client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, ReadTimeout: time.Minute})
			t.Cleanup(func() { _ = client.Close() })
			runGraphs(t, 1, stops, func(t *testing.T) storetest.Store {
				t.Helper()
				server.FlushAll()
				leader, err := redisstore.New(client, redisstore.Config{Durability: redisstore.Volatile}).Lead(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return leader
			})
		})
	}
}
