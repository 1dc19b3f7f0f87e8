// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RunRecovery holds a store to RecoveryStore. open gives an empty store.
func RunRecovery(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	t.Run("a queue comes back under its number, which is not given out again", func(t *testing.T) {
		s, lost := open(t), batch.JobQueue{Name: "q", Number: 5, StatusReason: "lost"}
		for range 2 {
			if err := s.RestoreQueue(t.Context(), lost); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Queue(t.Context(), "q"); err != nil || got.Number != 5 || got.StatusReason != "lost" {
			t.Errorf("got %+v, %v", got, err)
		}
		next, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "r"})
		if err != nil || next.Number <= 5 {
			t.Errorf("the next queue has number %d, %v", next.Number, err)
		}
		id := batch.DeriveJobID(5, "x")
		if _, err := s.Submit(t.Context(), 5, batch.Job{ID: id, Queue: "q", Status: batch.StatusRunnable}); err != nil {
			t.Errorf("it takes no jobs: %v", err)
		}
	})
	t.Run("nobody's name or number is taken", func(t *testing.T) {
		s := open(t)
		q, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
		if err != nil {
			t.Fatal(err)
		}
		for what, lost := range map[string]batch.JobQueue{
			"name":   {Name: "q", Number: q.Number + 1},
			"number": {Name: "r", Number: q.Number},
		} {
			if err := s.RestoreQueue(t.Context(), lost); !errors.Is(err, batch.ErrExists) {
				t.Errorf("%s of another: %v, want %v", what, err, batch.ErrExists)
			}
		}
	})
	t.Run("a deleted queue does not come back", func(t *testing.T) {
		s := open(t)
		q, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.CloseQueue(t.Context(), q.Number), s.DeleteQueue(t.Context(), "q")); err != nil {
			t.Fatal(err)
		}
		if err := s.RestoreQueue(t.Context(), q); !errors.Is(err, batch.ErrNotFound) {
			t.Errorf("got %v, want %v", err, batch.ErrNotFound)
		}
	})
}
