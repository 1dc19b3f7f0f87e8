// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestTarget(t *testing.T) {
	t.Parallel()
	s := New(startMiniredis(t), Config{})
	ctx := t.Context()
	if _, err := s.CreateQueue(ctx, batch.JobQueue{Name: "q", Priority: 1}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.RegisterDefinition(ctx, batch.JobDefinition{Name: "d", Type: "container"}); err != nil {
			t.Fatal(err)
		}
	}
	target := func(queue string, ref batch.DefinitionRef) (batch.JobQueue, batch.JobDefinition) {
		t.Helper()
		q, d, err := s.Target(ctx, queue, ref)
		if err != nil {
			t.Fatal(err)
		}
		return q, d
	}
	for range 2 { // from Redis, then from memory
		q, d := target("q", batch.DefinitionRef{Name: "d"})
		if q.Priority != 1 || d.Revision != 2 || d.Status != batch.DefinitionActive {
			t.Errorf("got priority %d, revision %d, %s", q.Priority, d.Revision, d.Status)
		}
	}
	if _, err := s.UpdateQueue(ctx, "q", func(q *batch.JobQueue) error { q.Priority = 5; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.DeregisterDefinition(ctx, batch.DefinitionRef{Name: "d", Revision: 2}); err != nil {
		t.Fatal(err)
	}
	if q, d := target("q", batch.DefinitionRef{Name: "d"}); q.Priority != 5 || d.Revision != 1 {
		t.Errorf("after changes: got priority %d, revision %d", q.Priority, d.Revision)
	}
	if _, d := target("q", batch.DefinitionRef{Name: "d", Revision: 2}); d.Status != batch.DefinitionInactive {
		t.Errorf("a deregistered revision is %s", d.Status)
	}
	tags := map[string]string{"a": "b"}
	_, err := s.UpdateDefinition(ctx, batch.DefinitionRef{Name: "d", Revision: 1}, func(d *batch.JobDefinition) error { d.Tags = tags; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, d := target("q", batch.DefinitionRef{Name: "d"}); !cmp.Equal(tags, d.Tags) {
		t.Errorf("tags are %v, want %v", d.Tags, tags)
	}
}

func TestTargetNotFound(t *testing.T) {
	t.Parallel()
	s := New(startMiniredis(t), Config{})
	if _, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Target(t.Context(), "none", batch.DefinitionRef{Name: "d"}); !errors.Is(err, batch.ErrQueueNotFound) {
		t.Errorf("an unknown queue: got %v", err)
	}
	for _, ref := range []batch.DefinitionRef{{Name: "d"}, {Name: "d", Revision: 1}} {
		if _, _, err := s.Target(t.Context(), "q", ref); !errors.Is(err, batch.ErrNotFound) || errors.Is(err, batch.ErrQueueNotFound) {
			t.Errorf("an unknown definition: got %v", err)
		}
	}
}

// TestRememberedTargetIsCheckedAgain holds what one process remembers against what another one changes.
func TestRememberedTargetIsCheckedAgain(t *testing.T) {
	t.Parallel()
	changes := map[string]struct {
		change func(ctx context.Context, other *Store) error
		want   error
	}{
		"nothing":                  {func(context.Context, *Store) error { return nil }, nil},
		"another queue is updated": {func(ctx context.Context, other *Store) error { return touch(ctx, other, "r") }, nil},
		"the queue is updated":     {func(ctx context.Context, other *Store) error { return touch(ctx, other, "q") }, batch.ErrConflict},
		"the queue is deleted":     {func(ctx context.Context, other *Store) error { return other.DeleteQueue(ctx, "q") }, batch.ErrConflict},
		"a revision is registered": {func(ctx context.Context, other *Store) error {
			_, err := other.RegisterDefinition(ctx, batch.JobDefinition{Name: "d"})
			return err
		}, batch.ErrConflict},
		"the revision is deregistered": {func(ctx context.Context, other *Store) error {
			return other.DeregisterDefinition(ctx, batch.DefinitionRef{Name: "d", Revision: 1})
		}, batch.ErrConflict},
	}
	for name, tc := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := startMiniredis(t)
			s, ref := New(client, Config{}), batch.DefinitionRef{Name: "d"}
			for _, queue := range []string{"q", "r"} {
				if _, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: queue, State: batch.Enabled}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.RegisterDefinition(t.Context(), batch.JobDefinition{Name: "d"}); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the first one learns the queue's number
				if _, _, err := s.Target(t.Context(), "q", ref); err != nil {
					t.Fatal(err)
				}
			}
			target, ok := s.Remembered("q", ref)
			if !ok || target.Definition.Revision != 1 {
				t.Fatalf("remembered %v %v", target, ok)
			}
			if err := tc.change(t.Context(), New(client, Config{})); err != nil {
				t.Fatal(err)
			}
			if _, err := s.SubmitSeen(t.Context(), target, makeJob(t, target.Queue.Number, nil)); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func touch(ctx context.Context, s *Store, queue string) error {
	_, err := s.UpdateQueue(ctx, queue, func(q *batch.JobQueue) error { q.Priority++; return nil })
	return err
}

func TestWhatTakesNoJobsIsNotRemembered(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakeClock(time.UnixMilli(1_700_000_000_000))
	s := New(startMiniredis(t), Config{Clock: clock})
	for name, state := range map[string]batch.State{"on": batch.Enabled, "off": batch.Disabled} {
		if _, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: name, State: state}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.RegisterDefinition(t.Context(), batch.JobDefinition{Name: "d"}); err != nil {
		t.Fatal(err)
	}
	remembers := func(queue string) bool {
		for range 2 {
			if _, _, err := s.Target(t.Context(), queue, batch.DefinitionRef{Name: "d"}); err != nil {
				t.Fatal(err)
			}
		}
		_, ok := s.Remembered(queue, batch.DefinitionRef{Name: "d"})
		return ok
	}
	if remembers("off") || !remembers("on") {
		t.Error("want what is ENABLED remembered, what is DISABLED not")
	}
	clock.Step(2 * rememberFor)
	if _, ok := s.Remembered("on", batch.DefinitionRef{Name: "d"}); ok {
		t.Error("remembered for too long")
	}
}
