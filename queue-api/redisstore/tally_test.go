// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// watched collects what a store tells.
type watched []string

func (w *watched) Changed(old, next *batch.Job) {
	*w = append(*w, next.Name+" "+string(old.Status)+">"+string(next.Status))
}

func TestTalliesAndWhatIsTold(t *testing.T) {
	t.Parallel()
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	var told watched
	s := New(startMiniredis(t), Config{Observer: &told, Metrics: metrics})
	ctx := t.Context()
	first, err := s.CreateQueue(ctx, batch.JobQueue{Name: "first"})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := s.CreateQueue(ctx, batch.JobQueue{Name: "empty"})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	add := func(name, share string, age time.Duration, with func(*batch.Job)) batch.Job {
		job := makeJob(t, first.Number, func(j *batch.Job) {
			j.Name, j.Queue, j.ShareIdentifier, j.CreatedAt, j.Status = name, first.Name, share, begin.Add(-age), batch.StatusRunnable
			j.Requests.MilliVCPU = 1500
			with(j)
		})
		stored, err := s.Submit(ctx, first.Number, job)
		if err != nil {
			t.Fatal(err)
		}
		return stored
	}
	as := func(*batch.Job) {}
	add("waits", "a", time.Minute, as)
	add("array", "b", time.Hour, func(j *batch.Job) { j.Status, j.ArraySize = batch.StatusPending, 7 })
	admitted := add("admitted", "a", 2*time.Minute, as)
	if _, err := s.Transition(ctx, admitted.ID, func(j batch.Job) (batch.Job, error) {
		j.Current = &batch.Attempt{Number: 1, ComputeEnvironment: "ce"}
		return j, nil
	}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Tallies(ctx, []batch.JobQueue{first, empty})
	if err != nil {
		t.Fatal(err)
	}
	counts := func(pending, runnable int) map[batch.JobStatus]int {
		all := map[batch.JobStatus]int{}
		for _, s := range batch.JobStatuses {
			all[s] = 0
		}
		all[batch.StatusPending], all[batch.StatusRunnable] = pending, runnable
		return all
	}
	want := []batch.Tally{
		{
			Queue: "first", Jobs: counts(1, 2), Waiting: map[string]int{"a": 1, "b": 1}, Attempts: 1, MilliVCPU: map[string]int64{"ce": 1500},
			Shares: map[string]int64{"a": 1500}, OldestRunnable: begin.Add(-time.Hour),
		},
		{Queue: "empty", Jobs: counts(0, 0), Waiting: map[string]int{}, MilliVCPU: map[string]int64{}, Shares: map[string]int64{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tallies mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(watched{"waits >RUNNABLE", "array >PENDING", "admitted >RUNNABLE", "admitted RUNNABLE>RUNNABLE"}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if n := testutil.CollectAndCount(metrics.seconds); n < 3 { // read, submit, transition
		t.Errorf("%d operations are timed", n)
	}
}

// A repeated submission is no other one.
func TestRepeatsAreNotTold(t *testing.T) {
	t.Parallel()
	var told watched
	s := New(startMiniredis(t), Config{Observer: &told})
	q, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	job := makeJob(t, q.Number, func(j *batch.Job) { j.Status = batch.StatusRunnable })
	for range 3 {
		if _, err := s.Submit(t.Context(), q.Number, job); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Transition(t.Context(), job.ID, func(j batch.Job) (batch.Job, error) { return j, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 1 {
		t.Errorf("told %q", told)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	got := readHealth(parseInfo("used_memory:100\r\nmaxmemory:400\r\nconnected_slaves:2\r\nmaster_repl_offset:1000\r\n" +
		"slave0:ip=10.0.0.1,port=6379,state=online,offset=1000,lag=0\r\nslave1:ip=10.0.0.2,port=6379,state=online,offset=900,lag=1\r\n" +
		"aof_last_write_status:ok\r\naof_delayed_fsync:3\r\n"))
	want := batch.StoreHealth{MemoryBytes: 100, MemoryLimit: 400, Replicas: 2, ReplicaLagBytes: 100, AOFWritable: true, AOFDelayedFsyncs: 3}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	worsen(&got, batch.StoreHealth{MemoryBytes: 90, MemoryLimit: 100, Replicas: 1, AOFDelayedFsyncs: 1})
	want = batch.StoreHealth{MemoryBytes: 90, MemoryLimit: 100, Replicas: 1, ReplicaLagBytes: 100, AOFDelayedFsyncs: 4}
	if got != want {
		t.Errorf("of both: got %+v, want %+v", got, want)
	}
}

// Real servers tell.
func TestHealthOfServers(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]func(*testing.T) *Store{
		"one server": func(t *testing.T) *Store {
			t.Helper()
			return New(startRedis(t, redistest.Safe()...), Config{})
		},
		"a cluster": func(t *testing.T) *Store {
			t.Helper()
			return New(open(t, redistest.StartCluster(t, 3, 0, redistest.Safe()...).URL()), Config{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := client(t).Health(t.Context())
			if err != nil || got.MemoryBytes == 0 || !got.AOFWritable {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
