// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

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
