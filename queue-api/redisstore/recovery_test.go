// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
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

// A leader learns that Redis forgot something.
func TestPulseTellsThatRedisWentBack(t *testing.T) {
	t.Parallel()
	client := startRedis(t)
	s := New(client, Config{})
	leader, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := leader.Pulse(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Decr(t.Context(), pulse).Err(); err != nil { // as a replica has it that missed the last one
		t.Fatal(err)
	}
	if err := leader.Pulse(t.Context()); !errors.Is(err, batch.ErrStaleEpoch) {
		t.Errorf("got %v, want %v", err, batch.ErrStaleEpoch)
	}
	next, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Pulse(t.Context()); err != nil {
		t.Errorf("the next leader got %v", err)
	}
}
