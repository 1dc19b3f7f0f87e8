// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Memory is the reference store: one lock, plain maps, nothing survives it.
type Memory struct {
	// Now dates the changes of status, and Retention is how long finished jobs are kept. Both may be changed before use.
	Now       func() time.Time
	Retention time.Duration

	mu           sync.Mutex // guards everything below
	environments map[string]batch.ComputeEnvironment
	queues       map[string]batch.JobQueue
	lastNumber   int
	definitions  map[string][]batch.JobDefinition // by name, index is revision-1
	jobs         map[string]batch.Job             // children of arrays, too, from their first transition on
	order        map[string]int                   // by job id, arrays as one: order of submission
	recorded     map[string]int                   // by array: how many of its children are in jobs
	closed       map[int]bool
	changes      map[int][]batch.StatusChange
	cursors      map[string]string      // by sink and queue
	steps        map[int]map[int][]byte // by queue and place
	spent        map[int][]spentHour    // by queue, oldest first
	dependents   map[string]map[batch.Dependent]bool
	settled      map[string]int64 // by id: its mark
	lastMark     int64
	shares       map[int]map[string]bool // the active ones
	ledgers      map[int][]byte
	paces        map[int][]byte
	policies     map[string]batch.SchedulingPolicy
	consumables  map[string]batch.ConsumableResource
	held         map[string]map[string]int64 // by holder and resource
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{
		Now:          time.Now,
		Retention:    7 * 24 * time.Hour,
		environments: map[string]batch.ComputeEnvironment{},
		queues:       map[string]batch.JobQueue{},
		definitions:  map[string][]batch.JobDefinition{},
		jobs:         map[string]batch.Job{},
		order:        map[string]int{},
		recorded:     map[string]int{},
		closed:       map[int]bool{},
		changes:      map[int][]batch.StatusChange{},
		cursors:      map[string]string{},
		steps:        map[int]map[int][]byte{},
		spent:        map[int][]spentHour{},
		dependents:   map[string]map[batch.Dependent]bool{},
		settled:      map[string]int64{},
		shares:       map[int]map[string]bool{},
		ledgers:      map[int][]byte{},
		paces:        map[int][]byte{},
		policies:     map[string]batch.SchedulingPolicy{},
		consumables:  map[string]batch.ConsumableResource{},
		held:         map[string]map[string]int64{},
	}
}

// create, get, sorted, update and remove serve every kind of named record.
func create[T any](mu *sync.Mutex, records map[string]T, name string, record T) error {
	mu.Lock()
	defer mu.Unlock()
	if _, ok := records[name]; ok {
		return batch.ErrExists
	}
	records[name] = record
	return nil
}

func get[T any](mu *sync.Mutex, records map[string]T, name string) (T, error) {
	mu.Lock()
	defer mu.Unlock()
	r, ok := records[name]
	if !ok {
		return r, batch.ErrNotFound
	}
	return r, nil
}

func sorted[T any](mu *sync.Mutex, records map[string]T) []T {
	mu.Lock()
	defer mu.Unlock()
	out := make([]T, 0, len(records))
	for _, name := range slices.Sorted(maps.Keys(records)) {
		out = append(out, records[name])
	}
	return out
}

func update[T any](mu *sync.Mutex, records map[string]T, name string, change func(*T) error) (T, error) {
	mu.Lock()
	defer mu.Unlock()
	r, ok := records[name]
	if !ok {
		return r, batch.ErrNotFound
	}
	if err := change(&r); err != nil {
		var zero T
		return zero, err
	}
	records[name] = r
	return r, nil
}

func remove[T any](mu *sync.Mutex, records map[string]T, name string) error {
	mu.Lock()
	defer mu.Unlock()
	delete(records, name)
	return nil
}

// CreateEnvironment implements Store.
func (m *Memory) CreateEnvironment(_ context.Context, e batch.ComputeEnvironment) error {
	return create(&m.mu, m.environments, e.Name, e)
}

// Environment implements Store.
func (m *Memory) Environment(_ context.Context, name string) (batch.ComputeEnvironment, error) {
	return get(&m.mu, m.environments, name)
}

// Environments implements Store.
func (m *Memory) Environments(context.Context) ([]batch.ComputeEnvironment, error) {
	return sorted(&m.mu, m.environments), nil
}

// UpdateEnvironment implements Store.
func (m *Memory) UpdateEnvironment(_ context.Context, name string, change func(*batch.ComputeEnvironment) error) (batch.ComputeEnvironment, error) {
	return update(&m.mu, m.environments, name, change)
}

// DeleteEnvironment implements Store.
func (m *Memory) DeleteEnvironment(_ context.Context, name string) error {
	return remove(&m.mu, m.environments, name)
}

// CreateQueue implements Store.
func (m *Memory) CreateQueue(_ context.Context, q batch.JobQueue) (batch.JobQueue, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.queues[q.Name]; ok {
		return batch.JobQueue{}, batch.ErrExists
	}
	m.lastNumber++
	q.Number = m.lastNumber
	m.queues[q.Name] = q
	return q, nil
}

// Queue implements Store.
func (m *Memory) Queue(_ context.Context, name string) (batch.JobQueue, error) {
	return get(&m.mu, m.queues, name)
}

// Queues implements Store.
func (m *Memory) Queues(context.Context) ([]batch.JobQueue, error) {
	return sorted(&m.mu, m.queues), nil
}

// UpdateQueue implements Store.
func (m *Memory) UpdateQueue(_ context.Context, name string, change func(*batch.JobQueue) error) (batch.JobQueue, error) {
	return update(&m.mu, m.queues, name, change)
}

// CloseQueue implements Store.
func (m *Memory) CloseQueue(_ context.Context, number int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed[number] = true
	return nil
}

// DeleteQueue implements Store.
func (m *Memory) DeleteQueue(_ context.Context, name string) error {
	return remove(&m.mu, m.queues, name)
}

// RegisterDefinition implements Store.
func (m *Memory) RegisterDefinition(_ context.Context, d batch.JobDefinition) (batch.JobDefinition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d.Revision, d.Status = len(m.definitions[d.Name])+1, batch.DefinitionActive
	m.definitions[d.Name] = append(m.definitions[d.Name], d)
	return d, nil
}

// Definition implements Store.
func (m *Memory) Definition(_ context.Context, ref batch.DefinitionRef) (batch.JobDefinition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range slices.Backward(m.definitions[ref.Name]) {
		if d.Revision == ref.Revision || ref.Revision == 0 && d.Status == batch.DefinitionActive {
			return d, nil
		}
	}
	return batch.JobDefinition{}, batch.ErrNotFound
}

// Remembered implements Store: nothing is.
func (m *Memory) Remembered(string, batch.DefinitionRef) (batch.Target, bool) {
	return batch.Target{}, false
}

// SubmitSeen implements Store.
func (m *Memory) SubmitSeen(ctx context.Context, t batch.Target, job batch.Job) (batch.Job, error) {
	return m.Submit(ctx, t.Queue.Number, job)
}

// Target implements Store.
func (m *Memory) Target(ctx context.Context, queueName string, ref batch.DefinitionRef) (batch.JobQueue, batch.JobDefinition, error) {
	queue, err := m.Queue(ctx, queueName)
	if err != nil {
		return queue, batch.JobDefinition{}, batch.ErrQueueNotFound
	}
	def, err := m.Definition(ctx, ref)
	return queue, def, err
}

// DefinitionRevisions implements Store.
func (m *Memory) DefinitionRevisions(_ context.Context, name string) ([]batch.JobDefinition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := slices.Clone(m.definitions[name])
	slices.Reverse(out)
	return out, nil
}

// DefinitionNames implements Store.
func (m *Memory) DefinitionNames(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.definitions)), nil
}

// DeregisterDefinition implements Store.
func (m *Memory) DeregisterDefinition(_ context.Context, ref batch.DefinitionRef) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	revisions := m.definitions[ref.Name]
	if ref.Revision < 1 || ref.Revision > len(revisions) {
		return batch.ErrNotFound
	}
	revisions[ref.Revision-1].Status = batch.DefinitionInactive
	return nil
}
