// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// makeJob is a job as most are; with changes it.
func makeJob(t *testing.T, queue int, with func(*batch.Job)) batch.Job {
	t.Helper()
	id, err := batch.NewJobID(queue, nil)
	if err != nil {
		t.Fatal(err)
	}
	job := batch.Job{
		ID: id, Name: "nightly-build-17", Queue: "q", Definition: batch.DefinitionRef{Name: "d", Revision: 1},
		CreatedAt: time.UnixMilli(1_700_000_000_123).UTC(), Tags: map[string]string{"team": "a"},
		Requests: batch.Requests{MilliVCPU: 1000}, Status: batch.StatusRunnable,
	}
	if with != nil {
		with(&job)
	}
	return job
}

func submit(t *testing.T, s *Store, queue int, with func(*batch.Job)) batch.Job {
	t.Helper()
	job, err := s.Submit(t.Context(), queue, makeJob(t, queue, with))
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func transition(t *testing.T, s *Store, id string, change func(*batch.Job)) {
	t.Helper()
	_, err := s.Transition(t.Context(), id, func(j batch.Job) (batch.Job, error) { change(&j); return j, nil })
	if err != nil {
		t.Fatal(err)
	}
}

func fail(j *batch.Job) { j.Status, j.StoppedAt, j.Current = batch.StatusFailed, j.CreatedAt, nil }

func keysOf(t *testing.T, client redis.UniversalClient) []string {
	t.Helper()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

func TestPlainWaitingJobIsOnePiece(t *testing.T) {
	t.Parallel()
	client := startRedis(t, redistest.Safe()...)
	s := New(client, Config{})
	job := submit(t, s, 1, nil)
	at, err := locate(job.ID)
	if err != nil {
		t.Fatal(err)
	}
	if encoding := client.ObjectEncoding(t.Context(), at.record()).Val(); encoding != "listpack" {
		t.Errorf("the record is a %s, want a listpack", encoding)
	}
	if size := client.MemoryUsage(t.Context(), at.record()).Val(); size > 200 {
		t.Errorf("the record takes %d bytes, want at most 200", size)
	}
}

func TestArrayCostsTheSameAtAnySize(t *testing.T) {
	t.Parallel()
	client := startRedis(t, redistest.Safe()...)
	s := New(client, Config{})
	var keys [2]int
	for i, size := range []int{2, 1_000_000} {
		before := keysOf(t, client)
		submit(t, s, 1, func(j *batch.Job) { j.ArraySize, j.Status = size, batch.StatusPending })
		keys[i] = len(keysOf(t, client)) - len(before)
	}
	if keys[1] > keys[0] {
		t.Errorf("an array made %v keys by its size", keys)
	}
}

func TestSpecIsKeptOnceAndAsLongAsNeeded(t *testing.T) {
	t.Parallel()
	client := startRedis(t, redistest.Safe()...)
	s := New(client, Config{})
	a, b := submit(t, s, 1, nil), submit(t, s, 1, nil)
	count := func() int64 { return client.HLen(t.Context(), slotOf(1).specs()).Val() }
	if n := count(); n != 1 {
		t.Errorf("%d specs for two jobs alike", n)
	}
	transition(t, s, a.ID, func(j *batch.Job) { j.Tags = map[string]string{"team": "b"} })
	if n := count(); n != 2 {
		t.Errorf("%d specs after one job's tags changed", n)
	}
	transition(t, s, b.ID, func(j *batch.Job) { j.Tags = map[string]string{"team": "b"} })
	if n := count(); n != 1 {
		t.Errorf("%d specs after both jobs' tags changed", n)
	}
	jobs, err := New(client, Config{}).Jobs(t.Context(), []string{a.ID, b.ID})
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range jobs {
		if diff := cmp.Diff(map[string]string{"team": "b"}, job.Tags); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	}
}

func TestStepMayChangeTagsInPlace(t *testing.T) {
	t.Parallel()
	s := New(startMiniredis(t), Config{})
	a, b := submit(t, s, 1, nil), submit(t, s, 1, nil)
	transition(t, s, a.ID, func(j *batch.Job) { j.Tags["team"] = "b" })
	for id, want := range map[string]string{a.ID: "b", b.ID: "a"} {
		job, err := s.Job(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if job.Tags["team"] != want {
			t.Errorf("tag is %q, want %q", job.Tags["team"], want)
		}
	}
}

func TestNothingIsLeftOfWhatIsForgotten(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) redis.UniversalClient{
		"Redis":     func(t *testing.T) redis.UniversalClient { t.Helper(); return startRedis(t, redistest.Safe()...) },
		"in memory": startMiniredis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := start(t)
			clock := clocktesting.NewFakeClock(time.UnixMilli(1_700_000_000_000))
			s := New(client, Config{Retention: time.Hour, Clock: clock})
			q, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
			if err != nil {
				t.Fatal(err)
			}
			single := submit(t, s, q.Number, func(j *batch.Job) {
				j.ShareIdentifier, j.Consumables = "s", []batch.ConsumableRequirement{{Name: "c", Quantity: 1}}
			})
			array := submit(t, s, q.Number, func(j *batch.Job) { j.ArraySize, j.Status = 3, batch.StatusPending })
			child := batch.ChildID(array.ID, 1)
			for _, on := range []string{single.ID, array.ID, child} {
				if _, err := s.AddDependent(t.Context(), on, batch.Dependent{ID: single.ID}); err != nil {
					t.Fatal(err)
				}
			}
			for _, id := range []string{single.ID, child} {
				transition(t, s, id, func(j *batch.Job) { j.Current = &batch.Attempt{Number: 1, ComputeEnvironment: "ce"} })
				transition(t, s, id, fail)
			}
			transition(t, s, array.ID, func(j *batch.Job) { j.Rest = &batch.Rest{} })
			transition(t, s, array.ID, fail)
			if err := errors.Join(s.CloseQueue(t.Context(), q.Number), s.DeleteQueue(t.Context(), "q")); err != nil {
				t.Fatal(err)
			}
			clock.Step(2 * time.Hour)
			if err := s.PruneDeleted(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := []string{slotOf(q.Number).closed(), queueNumber}
			slices.Sort(want)
			if diff := cmp.Diff(want, keysOf(t, client)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPruneGoesOnInTheNextCall(t *testing.T) {
	t.Parallel()
	client := startRedis(t, redistest.Safe()...)
	clock := clocktesting.NewFakeClock(time.UnixMilli(1_700_000_000_000))
	s := New(client, Config{Retention: time.Hour, Clock: clock})
	const jobs = 2*pruneBatch + 1
	for range jobs {
		transition(t, s, submit(t, s, 1, nil).ID, fail)
	}
	future := submit(t, s, 1, nil).ID
	transition(t, s, future, func(j *batch.Job) { fail(j); j.StoppedAt = clock.Now().Add(1000 * time.Hour) })
	transition(t, s, submit(t, s, 1, nil).ID, fail)
	clock.Step(2 * time.Hour)
	if err := s.Prune(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	left, _, err := s.ListJobs(t.Context(), 1, batch.StatusFailed, "", 10)
	if err != nil || len(left) != 1 || left[0].ID != future {
		t.Errorf("%d jobs are left (%v), want the one that has not expired", len(left), err)
	}
}

func TestOldLeaderIsFencedFromChildrenAndLedger(t *testing.T) {
	t.Parallel()
	s := New(startMiniredis(t), Config{})
	array := submit(t, s, 1, func(j *batch.Job) { j.ArraySize, j.Status = 3, batch.StatusPending })
	older, newer := *s, *s
	older.epoch, newer.epoch = 1, 2
	transition(t, &newer, array.ID, func(j *batch.Job) { j.StatusReason = "x" })
	_, err := older.Transition(t.Context(), batch.ChildID(array.ID, 0), func(j batch.Job) (batch.Job, error) { j.StatusReason = "x"; return j, nil })
	if !errors.Is(err, batch.ErrStaleEpoch) {
		t.Errorf("a child: got %v, want %v", err, batch.ErrStaleEpoch)
	}
	if err := older.SaveShareLedger(t.Context(), 1, []byte("x")); !errors.Is(err, batch.ErrStaleEpoch) {
		t.Errorf("the ledger: got %v, want %v", err, batch.ErrStaleEpoch)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	job := makeJob(t, 7, nil).ID
	for _, id := range []string{job, batch.ChildID(job, 0), batch.ChildID(job, 70_000)} {
		at, err := locate(id)
		if err != nil {
			t.Fatal(err)
		}
		if at.slot != slotOf(7) || at.String() != id {
			t.Errorf("%s is at %q as %s", id, at.slot, at)
		}
	}
	for _, id := range []string{"", "x", batch.NodeID(job, 1), job + ":9999999999", strings.ToUpper(job) + "x"} {
		if at, err := locate(id); !errors.Is(err, batch.ErrNotFound) {
			t.Errorf("%q is at %v (%v)", id, at, err)
		}
	}
}
