// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// A child that was under way and whose record is lost holds its array up until somebody gives it up.
func TestFailLost(t *testing.T) {
	t.Parallel()
	client := startRedis(t)
	s := New(client, Config{})
	q, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	id := batch.DeriveJobID(q.Number, "array")
	if _, err := s.Submit(t.Context(), q.Number, batch.Job{ID: id, Queue: "q", ArraySize: 2, Status: batch.StatusPending}); err != nil {
		t.Fatal(err)
	}
	child := batch.ChildID(id, 1)
	for _, ev := range []lifecycle.Event{lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "p"}, lifecycle.Bound{Attempt: 1}} {
		if _, err := s.Transition(t.Context(), child, stepping(ev, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.FailLost(t.Context(), child); !errors.Is(err, batch.ErrNotFound) {
		t.Errorf("one that is there: %v", err)
	}
	if err := client.Del(t.Context(), mustLocate(t, child).record()).Err(); err != nil {
		t.Fatal(err)
	}
	lost := auditOf(t, s, true)
	if !slices.ContainsFunc(lost, func(f batch.Finding) bool { return f.Job == child && !f.Mendable }) {
		t.Errorf("found %v", lost)
	}
	if err := s.FailLost(t.Context(), child); err != nil {
		t.Fatal(err)
	}
	array, err := s.Job(t.Context(), id)
	if err != nil || array.Children[batch.StatusFailed] != 1 || array.Children[batch.StatusStarting] != 0 {
		t.Errorf("children %v, %v", array.Children, err)
	}
	if job, err := s.Job(t.Context(), child); err != nil || job.Status != batch.StatusFailed || job.StatusReason != reasonLost {
		t.Errorf("child %+v, %v", job, err)
	}
	auditOf(t, s, true) // what it held
	if found := auditOf(t, s, false); len(found) > 0 {
		t.Errorf("left over: %v", found)
	}
}

// A leader learns that Redis forgot something, be it in one shard alone.
func TestPulseTellsThatRedisWentBack(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		start   func(*testing.T) redis.UniversalClient
		masters int
	}{
		"one server": {start: func(t *testing.T) redis.UniversalClient { t.Helper(); return startRedis(t) }, masters: 1},
		"a cluster": {
			start: func(t *testing.T) redis.UniversalClient {
				t.Helper()
				return open(t, redistest.StartCluster(t, 3, 0).URL())
			},
			masters: 3,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := tc.start(t)
			s := New(client, Config{})
			keys, err := s.pulseKeys(t.Context())
			if err != nil || len(keys) != tc.masters {
				t.Fatalf("pulses %v, %v; want one on each of %d masters", keys, err, tc.masters)
			}
			for _, key := range keys {
				leader, err := s.Lead(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if err := leader.Pulse(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if err := client.Decr(t.Context(), key).Err(); err != nil { // as a replica has it that missed the last one
					t.Fatal(err)
				}
				if err := leader.Pulse(t.Context()); !errors.Is(err, batch.ErrStaleEpoch) {
					t.Errorf("%s went back: got %v, want %v", key, err, batch.ErrStaleEpoch)
				}
			}
			next, err := s.Lead(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := next.Pulse(t.Context()); err != nil {
				t.Errorf("the next leader got %v", err)
			}
		})
	}
}

// A slot that is moved takes its pulse along, and the master that it left has another one from then on.
func TestPulseOfASlotThatMoves(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 2, 0, redistest.Safe()...)
	leader, err := New(open(t, cluster.URL()), Config{}).Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	beat := func() {
		t.Helper()
		if err := insist(t, func() error { return leader.Pulse(t.Context()) }); err != nil {
			t.Error(err)
		}
	}
	beat()
	cluster.Move(pulse, 1-cluster.Shard(pulse))
	beat()
	beat()
	if keys, err := leader.pulseKeys(t.Context()); err != nil || len(keys) != 2 {
		t.Errorf("pulses %v, %v; want two", keys, err)
	}
}
