// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"

	"github.com/muster-batch/muster/queue-api/batch"
)

// CreatePolicy implements storetest.Store.
func (s *Store) CreatePolicy(ctx context.Context, p batch.SchedulingPolicy) error {
	return create(ctx, s, policies, p.Name, p)
}

// Policy implements storetest.Store.
func (s *Store) Policy(ctx context.Context, name string) (batch.SchedulingPolicy, error) {
	p, _, err := load[batch.SchedulingPolicy](ctx, s, policies, name)
	return p, err
}

// Policies implements storetest.Store.
func (s *Store) Policies(ctx context.Context) ([]batch.SchedulingPolicy, error) {
	return loadAll[batch.SchedulingPolicy](ctx, s, policies)
}

// UpdatePolicy implements storetest.Store.
func (s *Store) UpdatePolicy(ctx context.Context, name string, change func(*batch.SchedulingPolicy) error) (batch.SchedulingPolicy, error) {
	return update(ctx, s, policies, name, change)
}

// DeletePolicy implements storetest.Store.
func (s *Store) DeletePolicy(ctx context.Context, name string) error {
	return remove(ctx, s, policies, name)
}
