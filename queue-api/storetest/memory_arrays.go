// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"maps"

	"github.com/muster-batch/muster/queue-api/batch"
)

// ListChildren implements Store.
func (m *Memory) ListChildren(_ context.Context, parentID string, status batch.JobStatus, from, limit int) ([]batch.Job, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, ok := m.jobs[parentID]
	if !ok || !parent.IsArray() {
		return nil, -1, batch.ErrNotFound
	}
	var out []batch.Job
	for i := from; i < parent.ArraySize; i++ {
		child, _ := m.find(batch.ChildID(parentID, i))
		if status != "" && child.Status != status {
			continue
		}
		if len(out) == limit {
			return out, i, nil
		}
		out = append(out, child)
	}
	return out, -1, nil
}

// moveUnrecorded counts the children without a record where the array's new state puts them.
func (m *Memory) moveUnrecorded(old batch.Job, next *batch.Job) {
	next.Children = moved(next.Children, old.InitialChildStatus(), next.InitialChildStatus(), next.ArraySize-m.recorded[next.ID])
}

// countChild counts a child where its transition puts it.
func (m *Memory) countChild(old, next batch.Job) {
	parent := m.parentOf(next)
	if old.Version == 0 {
		m.recorded[parent.ID]++
	}
	parent.Children = moved(parent.Children, old.Status, next.Status, 1)
	m.jobs[parent.ID] = parent
}

func (m *Memory) parentOf(child batch.Job) batch.Job {
	ref, _ := batch.ParseJobID(child.ID)
	return m.jobs[ref.Job]
}

// moved is the counts with n moved. Counts that were given out do not change.
func moved(counts map[batch.JobStatus]int, from, to batch.JobStatus, n int) map[batch.JobStatus]int {
	out := maps.Clone(counts)
	out[from] -= n
	out[to] += n
	maps.DeleteFunc(out, func(_ batch.JobStatus, n int) bool { return n == 0 })
	return out
}

// ChildStatuses implements Store.
func (m *Memory) ChildStatuses(_ context.Context, parentID string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, ok := m.jobs[parentID]
	if !ok || !parent.IsArray() {
		return "", batch.ErrNotFound
	}
	letters := make([]byte, parent.ArraySize)
	for i := range letters {
		child, _ := m.find(batch.ChildID(parentID, i))
		letters[i] = letterOf[child.Status]
	}
	return string(letters), nil
}

// letterOf has the letters of ChildStatuses.
var letterOf = map[batch.JobStatus]byte{
	batch.StatusSubmitted: 'S', batch.StatusPending: 'P', batch.StatusRunnable: 'R', batch.StatusStarting: 'T',
	batch.StatusRunning: 'U', batch.StatusSucceeded: 'D', batch.StatusFailed: 'F',
}
