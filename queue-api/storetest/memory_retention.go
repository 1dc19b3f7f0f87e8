// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Prune implements Store.
func (m *Memory) Prune(_ context.Context, queueNumber int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.Now().Add(-m.Retention)
	old := m.submitted(queueNumber, func(j batch.Job) bool { return j.Status.IsTerminal() && j.StoppedAt.Before(before) })
	for _, job := range old {
		m.forget(job.ID)
		for i := range job.ArraySize {
			m.forget(batch.ChildID(job.ID, i))
		}
		delete(m.recorded, job.ID)
	}
	return nil
}

// PruneDeleted implements Store.
func (m *Memory) PruneDeleted(ctx context.Context) error {
	queues, err := m.Queues(ctx)
	for number := range m.lastNumber {
		if !slices.ContainsFunc(queues, func(q batch.JobQueue) bool { return q.Number == number+1 }) {
			err = errors.Join(err, m.Prune(ctx, number+1))
		}
	}
	return err
}

func (m *Memory) forget(id string) {
	delete(m.jobs, id)
	delete(m.dependents, id)
	delete(m.settled, id)
}
