// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/muster-batch/muster/queue-api/batch"
)

// changed writes the outbox's entry for a change, if it has one.
func (m *Memory) changed(old, next batch.Job) {
	newlyBlocked := next.Status == batch.StatusRunnable && !next.BlockedAt.IsZero() && !next.BlockedAt.Equal(old.BlockedAt)
	if next.Status == old.Status && !newlyBlocked {
		return
	}
	q := queueOf(next.ID)
	m.changes[q] = append(m.changes[q], batch.StatusChange{
		Cursor: strconv.Itoa(len(m.changes[q]) + 1),
		JobID:  next.ID, From: old.Status, To: next.Status, At: m.Now(), Reason: next.StatusReason,
	})
}

// StatusChanges implements Store.
func (m *Memory) StatusChanges(_ context.Context, queueNumber int, after string, limit int) ([]batch.StatusChange, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := 0
	if after != "" {
		n, err := strconv.Atoi(after)
		if err != nil {
			return nil, batch.Invalidf("cursor: not one of this outbox")
		}
		from = n
	}
	all := m.changes[queueNumber]
	from = min(from, len(all))
	return slices.Clone(all[from:min(from+limit, len(all))]), nil
}

// LastStatusChange implements Store.
func (m *Memory) LastStatusChange(_ context.Context, queueNumber int) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.changes[queueNumber]) == 0 {
		return "", nil
	}
	return strconv.Itoa(len(m.changes[queueNumber])), nil
}

// DeliveryCursor implements Store.
func (m *Memory) DeliveryCursor(_ context.Context, sink string, queueNumber int) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursors[cursorKey(sink, queueNumber)], nil
}

// SetDeliveryCursor implements Store.
func (m *Memory) SetDeliveryCursor(_ context.Context, sink string, queueNumber int, cursor string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cursors[cursorKey(sink, queueNumber)] = cursor
	return nil
}

func cursorKey(sink string, queueNumber int) string { return strconv.Itoa(queueNumber) + " " + sink }

// SaveStep implements Store.
func (m *Memory) SaveStep(_ context.Context, queueNumber, place int, record []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.steps[queueNumber] == nil {
		m.steps[queueNumber] = map[int][]byte{}
	}
	m.steps[queueNumber][place] = slices.Clone(record)
	return nil
}

// Steps implements Store.
func (m *Memory) Steps(_ context.Context, queueNumbers []int) ([][][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([][][]byte, len(queueNumbers))
	for i, number := range queueNumbers {
		out[i] = slices.Collect(maps.Values(m.steps[number]))
	}
	return out, nil
}
