// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RestoreQueue implements Store.
func (m *Memory) RestoreQueue(_ context.Context, q batch.JobQueue) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed[q.Number] {
		return batch.ErrNotFound
	}
	for _, other := range m.queues {
		if other.Name == q.Name && other.Number == q.Number {
			return nil
		}
		if other.Name == q.Name || other.Number == q.Number {
			return batch.ErrExists
		}
	}
	m.queues[q.Name], m.lastNumber = q, max(m.lastNumber, q.Number)
	return nil
}
