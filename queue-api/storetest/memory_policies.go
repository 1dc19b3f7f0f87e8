// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// CreatePolicy implements Store.
func (m *Memory) CreatePolicy(_ context.Context, p batch.SchedulingPolicy) error {
	return create(&m.mu, m.policies, p.Name, p)
}

// Policy implements Store.
func (m *Memory) Policy(_ context.Context, name string) (batch.SchedulingPolicy, error) {
	return get(&m.mu, m.policies, name)
}

// Policies implements Store.
func (m *Memory) Policies(context.Context) ([]batch.SchedulingPolicy, error) {
	return sorted(&m.mu, m.policies), nil
}

// UpdatePolicy implements Store.
func (m *Memory) UpdatePolicy(_ context.Context, name string, change func(*batch.SchedulingPolicy) error) (batch.SchedulingPolicy, error) {
	return update(&m.mu, m.policies, name, change)
}

// DeletePolicy implements Store.
func (m *Memory) DeletePolicy(_ context.Context, name string) error {
	return remove(&m.mu, m.policies, name)
}

// UpdateDefinition implements Store.
func (m *Memory) UpdateDefinition(_ context.Context, ref batch.DefinitionRef, change func(*batch.JobDefinition) error) (batch.JobDefinition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	revisions := m.definitions[ref.Name]
	if ref.Revision < 1 || ref.Revision > len(revisions) {
		return batch.JobDefinition{}, batch.ErrNotFound
	}
	changed := revisions[ref.Revision-1]
	if err := change(&changed); err != nil {
		return batch.JobDefinition{}, err
	}
	revisions[ref.Revision-1].Tags = changed.Tags
	return revisions[ref.Revision-1], nil
}
