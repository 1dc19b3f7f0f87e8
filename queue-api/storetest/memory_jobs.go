// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strconv"

	"github.com/muster-batch/muster/queue-api/batch"
)

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
	if !m.shares[queueNumber][job.ShareIdentifier] && len(m.shares[queueNumber]) >= MaxActiveShares {
		return batch.Job{}, batch.ErrLimit
	}
	job.Version = 1
	if job.IsArray() {
		job.Children = map[batch.JobStatus]int{job.InitialChildStatus(): job.ArraySize}
	}
	m.jobs[job.ID] = job
	m.order[job.ID] = len(m.order) + 1
	m.activate(queueNumber, job.ShareIdentifier)
	m.changed(batch.Job{}, job)
	if job.IsArray() && job.HasOwnDependencies() {
		m.mark(job.ID)
	}
	return job, nil
}

// find gives a job, or a child of an array that may have no record yet. The caller holds mu.
func (m *Memory) find(id string) (batch.Job, error) {
	if job, ok := m.jobs[id]; ok {
		return job, nil
	}
	ref, err := batch.ParseJobID(id)
	if err != nil || ref.Child < 0 {
		return batch.Job{}, batch.ErrNotFound
	}
	parent, ok := m.jobs[ref.Job]
	if !ok || ref.Child >= parent.ArraySize {
		return batch.Job{}, batch.ErrNotFound
	}
	return parent.Child(ref.Child, parent.InitialChildStatus()), nil
}

// Job implements Store.
func (m *Memory) Job(_ context.Context, id string) (batch.Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.find(id)
}

// Jobs implements Store.
func (m *Memory) Jobs(_ context.Context, ids []string) ([]batch.Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []batch.Job
	for _, id := range ids {
		if job, err := m.find(id); err == nil {
			out = append(out, job)
		}
	}
	return out, nil
}

// Transition implements Store.
func (m *Memory) Transition(_ context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, err := m.find(id)
	if err != nil {
		return batch.Job{}, err
	}
	next, err := step(old)
	if err != nil || reflect.DeepEqual(old, next) {
		return old, err
	}
	next.Version, next.Children, next.Spent = old.Version+1, old.Children, old.Spent
	if next.IsArray() {
		m.moveUnrecorded(old, &next)
	}
	m.jobs[id] = next
	if next.IsChild() {
		m.countChild(old, next)
	}
	m.spend(old, next)
	if next.IsWaiting() || next.Children[batch.StatusRunnable] > 0 {
		m.activate(queueOf(id), next.ShareIdentifier)
	}
	m.changed(old, next)
	m.markAfter(old, next)
	return next, nil
}

// queueOf reads the queue's number out of an id.
func queueOf(id string) int {
	n, _ := batch.QueueNumber(id) // 0, no queue's number, for what is no id
	return n
}

// submitted gives the queue's jobs and arrays that keep wants, in order of submission. The caller holds mu.
func (m *Memory) submitted(queueNumber int, keep func(batch.Job) bool) []batch.Job {
	var out []batch.Job
	for _, job := range m.jobs {
		if queueOf(job.ID) == queueNumber && !job.IsChild() && keep(job) {
			out = append(out, job)
		}
	}
	slices.SortFunc(out, func(a, b batch.Job) int { return cmp.Compare(m.order[a.ID], m.order[b.ID]) })
	return out
}

// runs gives the queue's jobs and children, without arrays, that keep wants, in order of submission and index. The caller
// holds mu.
func (m *Memory) runs(queueNumber int, keep func(batch.Job) bool) []batch.Job {
	var out []batch.Job
	for _, job := range m.submitted(queueNumber, func(batch.Job) bool { return true }) {
		if !job.IsArray() {
			if keep(job) {
				out = append(out, job)
			}
			continue
		}
		for i := range job.ArraySize {
			if child, _ := m.find(batch.ChildID(job.ID, i)); keep(child) {
				out = append(out, child)
			}
		}
	}
	return out
}

// ListJobs implements Store.
func (m *Memory) ListJobs(_ context.Context, queueNumber int, status batch.JobStatus, after string, limit int) ([]batch.Job, string, error) {
	return m.latestFirst(queueNumber, after, limit, func(j batch.Job) bool { return j.Status == status })
}

// latestFirst pages through jobs and arrays by order of submission, backwards.
func (m *Memory) latestFirst(queueNumber int, after string, limit int, keep func(batch.Job) bool) ([]batch.Job, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	jobs := m.submitted(queueNumber, keep)
	slices.Reverse(jobs)
	if after != "" {
		last, err := strconv.Atoi(after)
		if err != nil {
			return nil, "", batch.Invalidf("nextToken: not a token of this list")
		}
		jobs = slices.DeleteFunc(jobs, func(j batch.Job) bool { return m.order[j.ID] >= last })
	}
	if len(jobs) <= limit {
		return jobs, "", nil
	}
	return jobs[:limit], strconv.Itoa(m.order[jobs[limit-1].ID]), nil
}

func isLive(j batch.Job) bool { return j.Current != nil }

// Live implements Store.
func (m *Memory) Live(_ context.Context, queueNumber int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, job := range m.runs(queueNumber, isLive) {
		out = append(out, job.ID)
	}
	return out, nil
}

// Usage implements Store.
func (m *Memory) Usage(_ context.Context, queueNumber int) (map[string]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]int64{}
	for _, job := range m.jobs { // a child without a record is not live
		if isLive(job) && queueOf(job.ID) == queueNumber {
			out[job.Current.ComputeEnvironment] += job.Requests.MilliVCPU
		}
	}
	return out, nil
}
