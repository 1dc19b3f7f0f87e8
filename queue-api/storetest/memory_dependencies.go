// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
)

// AddDependent implements Store.
func (m *Memory) AddDependent(_ context.Context, on string, dependent batch.Dependent) (batch.Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	job, err := m.find(on)
	if err != nil {
		return batch.Job{}, err
	}
	if m.dependents[on] == nil {
		m.dependents[on] = map[batch.Dependent]bool{}
	}
	m.dependents[on][dependent] = true
	return job, nil
}

// Dependents implements Store.
func (m *Memory) Dependents(_ context.Context, on string) ([]batch.Dependent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Keys(m.dependents[on]), func(a, b batch.Dependent) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Type, b.Type))
	}), nil
}

// RemoveDependent implements Store.
func (m *Memory) RemoveDependent(_ context.Context, on string, dependent batch.Dependent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.dependents[on], dependent)
	return nil
}

// Settled implements Store.
func (m *Memory) Settled(_ context.Context, queueNumber int, after int64, limit int) ([]batch.Settled, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []batch.Settled
	for id, mark := range m.settled {
		if queueOf(id) == queueNumber && mark > after {
			out = append(out, batch.Settled{ID: id, Mark: mark})
		}
	}
	slices.SortFunc(out, func(a, b batch.Settled) int { return cmp.Compare(a.Mark, b.Mark) })
	return out[:min(limit, len(out))], nil
}

// Settle implements Store.
func (m *Memory) Settle(_ context.Context, id string) error {
	if _, err := batch.QueueNumber(id); err != nil {
		return batch.ErrNotFound
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mark(id)
	return nil
}

// Unsettle implements Store.
func (m *Memory) Unsettle(_ context.Context, mark batch.Settled) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.settled[mark.ID] == mark.Mark {
		delete(m.settled, mark.ID)
	}
	return nil
}

func (m *Memory) mark(id string) {
	m.lastMark++
	m.settled[id] = m.lastMark
}

// markAfter marks what has consequences in a change.
func (m *Memory) markAfter(old, next batch.Job) {
	ended := next.Status.IsTerminal() && !old.Status.IsTerminal()
	attemptOver := old.Current != nil && next.Current == nil
	switch {
	case ended && m.isAwaited(next),
		(ended || attemptOver) && len(next.Consumables) > 0,
		next.IsArray() && (!reflect.DeepEqual(old.Stop, next.Stop) || !reflect.DeepEqual(old.Rest, next.Rest)),
		next.IsArray() && next.HasOwnDependencies() && len(old.Unmet) > 0 && len(next.Unmet) == 0:
		m.mark(next.ID)
	}
	if next.IsArray() && old.Rest == nil && next.Rest != nil {
		m.markRest(next)
	}
}

// isAwaited reports whether the end of a job or child matters to another.
func (m *Memory) isAwaited(job batch.Job) bool {
	if len(m.dependents[job.ID]) > 0 {
		return true
	}
	if !job.IsChild() {
		return false
	}
	array := m.parentOf(job)
	isLast := array.Children[batch.StatusSucceeded]+array.Children[batch.StatusFailed] == array.ArraySize
	return isLast || array.HasOwnDependencies() || m.hasNToN(array.ID)
}

func (m *Memory) hasNToN(array string) bool {
	for d := range m.dependents[array] {
		if d.Type == batch.DependencyNToN {
			return true
		}
	}
	return false
}

// markRest marks the children that ended with their array and that somebody waits for.
func (m *Memory) markRest(array batch.Job) {
	for i := range array.ArraySize {
		id := batch.ChildID(array.ID, i)
		if _, recorded := m.jobs[id]; !recorded && len(m.dependents[id]) > 0 {
			m.mark(id)
		}
	}
}
