// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Memory is the reference store: one lock, plain maps, nothing survives it.
type Memory struct {
	mu           sync.Mutex // guards everything below
	environments map[string]batch.ComputeEnvironment
	queues       map[string]batch.JobQueue
	lastNumber   int
	definitions  map[string][]batch.JobDefinition // by name, index is revision-1
	jobs         map[string]batch.Job
	order        map[string]int // by job id: order of submission
	closed       map[int]bool
	events       map[int][]string
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{
		environments: map[string]batch.ComputeEnvironment{},
		queues:       map[string]batch.JobQueue{},
		definitions:  map[string][]batch.JobDefinition{},
		jobs:         map[string]batch.Job{},
		order:        map[string]int{},
		closed:       map[int]bool{},
		events:       map[int][]string{},
	}
}

// get, put, sorted and update serve the two kinds of named records.
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

// CreateEnvironment implements Store.
func (m *Memory) CreateEnvironment(_ context.Context, e batch.ComputeEnvironment) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.environments[e.Name]; ok {
		return batch.ErrExists
	}
	m.environments[e.Name] = e
	return nil
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
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.environments, name)
	return nil
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
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.queues, name)
	return nil
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

// Submit implements Store.
func (m *Memory) Submit(_ context.Context, queueNumber int, job batch.Job) (batch.Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed[queueNumber] {
		return batch.Job{}, batch.ErrNotFound
	}
	if stored, ok := m.jobs[job.ID]; ok {
		return stored, nil
	}
	job.Version = 1
	m.jobs[job.ID] = job
	m.order[job.ID] = len(m.order) + 1
	m.events[queueNumber] = append(m.events[queueNumber], job.ID+"  "+string(job.Status))
	return job, nil
}

// Job implements Store.
func (m *Memory) Job(_ context.Context, id string) (batch.Job, error) { return get(&m.mu, m.jobs, id) }

// Jobs implements Store.
func (m *Memory) Jobs(_ context.Context, ids []string) ([]batch.Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []batch.Job
	for _, id := range ids {
		if job, ok := m.jobs[id]; ok {
			out = append(out, job)
		}
	}
	return out, nil
}

// ListJobs implements Store.
func (m *Memory) ListJobs(_ context.Context, queueNumber int, status batch.JobStatus, after string, limit int) ([]batch.Job, string, error) {
	jobs := m.inQueue(queueNumber, func(j batch.Job) bool { return j.Status == status })
	slices.Reverse(jobs)
	if after != "" {
		last, err := strconv.Atoi(after)
		if err != nil {
			return nil, "", batch.Invalidf("nextToken: not a token of this list")
		}
		jobs = slices.DeleteFunc(jobs, func(j batch.Job) bool { return m.orderOf(j.ID) >= last })
	}
	if len(jobs) <= limit {
		return jobs, "", nil
	}
	return jobs[:limit], strconv.Itoa(m.orderOf(jobs[limit-1].ID)), nil
}

func (m *Memory) orderOf(id string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.order[id]
}

// inQueue gives the queue's jobs that keep wants, in order of submission.
func (m *Memory) inQueue(number int, keep func(batch.Job) bool) []batch.Job {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []batch.Job
	for _, job := range m.jobs {
		if n, _ := batch.QueueNumber(job.ID); n == number && keep(job) {
			out = append(out, job)
		}
	}
	slices.SortFunc(out, func(a, b batch.Job) int { return cmp.Compare(m.order[a.ID], m.order[b.ID]) })
	return out
}

// Transition implements Store.
func (m *Memory) Transition(_ context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.jobs[id]
	if !ok {
		return batch.Job{}, batch.ErrNotFound
	}
	next, err := step(old)
	if err != nil || reflect.DeepEqual(old, next) {
		return old, err
	}
	next.Version = old.Version + 1
	m.jobs[id] = next
	if next.Status != old.Status {
		n, _ := batch.QueueNumber(id)
		m.events[n] = append(m.events[n], strings.Join([]string{id, string(old.Status), string(next.Status)}, " "))
	}
	return next, nil
}

// Waiting implements Store.
func (m *Memory) Waiting(_ context.Context, queueNumber, limit int) ([]batch.Job, error) {
	jobs := m.inQueue(queueNumber, func(j batch.Job) bool { return j.IsWaiting() })
	slices.SortStableFunc(jobs, func(a, b batch.Job) int {
		return cmp.Compare(min(1, len(b.Attempts)), min(1, len(a.Attempts)))
	})
	return jobs[:min(limit, len(jobs))], nil
}

// Live implements Store.
func (m *Memory) Live(_ context.Context, queueNumber int) ([]string, error) {
	var out []string
	for _, job := range m.inQueue(queueNumber, func(j batch.Job) bool { return j.Current != nil }) {
		out = append(out, job.ID)
	}
	return out, nil
}

// Usage implements Store.
func (m *Memory) Usage(_ context.Context, queueNumber int) (map[string]int64, error) {
	out := map[string]int64{}
	for _, job := range m.inQueue(queueNumber, func(j batch.Job) bool { return j.Current != nil }) {
		out[job.Current.ComputeEnvironment] += job.Requests.MilliVCPU
	}
	return out, nil
}

// Events implements Store.
func (m *Memory) Events(_ context.Context, queueNumber int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events[queueNumber]), nil
}
