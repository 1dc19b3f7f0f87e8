// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// casAttempts bounds the loops of compare-and-set; more rivals than that at once is an error worth seeing.
const casAttempts = 64

// CreateEnvironment implements storetest.Store.
func (s *Store) CreateEnvironment(ctx context.Context, e batch.ComputeEnvironment) error {
	return create(ctx, s, environments, e.Name, e)
}

// Environment implements storetest.Store.
func (s *Store) Environment(ctx context.Context, name string) (batch.ComputeEnvironment, error) {
	e, _, err := load[batch.ComputeEnvironment](ctx, s, environments, name)
	return e, err
}

// Environments implements storetest.Store.
func (s *Store) Environments(ctx context.Context) ([]batch.ComputeEnvironment, error) {
	return loadAll[batch.ComputeEnvironment](ctx, s, environments)
}

// UpdateEnvironment implements storetest.Store.
func (s *Store) UpdateEnvironment(ctx context.Context, name string, change func(*batch.ComputeEnvironment) error) (batch.ComputeEnvironment, error) {
	return update(ctx, s, environments, name, change)
}

// DeleteEnvironment implements storetest.Store.
func (s *Store) DeleteEnvironment(ctx context.Context, name string) error {
	return remove(ctx, s, environments, name)
}

// CreateQueue implements storetest.Store.
func (s *Store) CreateQueue(ctx context.Context, q batch.JobQueue) (batch.JobQueue, error) {
	// A number that a failed creation leaves unused is lost; there are a million.
	n, err := s.increment(ctx, "redis/number-queue", queueNumber)
	if err != nil {
		return batch.JobQueue{}, err
	}
	if n > batch.MaxQueueNumber {
		return batch.JobQueue{}, batch.Invalidf("the limit of %d job queues ever created is reached", batch.MaxQueueNumber)
	}
	q.Number = int(n)
	return q, create(ctx, s, queues, q.Name, q)
}

// Queue implements storetest.Store.
func (s *Store) Queue(ctx context.Context, name string) (batch.JobQueue, error) {
	q, _, err := load[batch.JobQueue](ctx, s, queues, name)
	return q, err
}

// Queues implements storetest.Store.
func (s *Store) Queues(ctx context.Context) ([]batch.JobQueue, error) {
	return loadAll[batch.JobQueue](ctx, s, queues)
}

// UpdateQueue implements storetest.Store.
func (s *Store) UpdateQueue(ctx context.Context, name string, change func(*batch.JobQueue) error) (batch.JobQueue, error) {
	q, err := update(ctx, s, queues, name, change)
	if err != nil {
		return q, err
	}
	return q, s.changeView(ctx, q.Number)
}

// CloseQueue implements storetest.Store.
func (s *Store) CloseQueue(ctx context.Context, number int) error {
	key := slotOf(number).closed()
	return s.put(ctx, "redis/close-queue", key, func(pipe redis.Pipeliner) redis.Cmder { return pipe.Set(ctx, key, 1, 0) })
}

// DeleteQueue implements storetest.Store. Its number is remembered until its last job is forgotten.
func (s *Store) DeleteQueue(ctx context.Context, name string) error {
	q, err := s.Queue(ctx, name)
	if errors.Is(err, batch.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.put(ctx, "redis/delete-queue", deleted, func(pipe redis.Pipeliner) redis.Cmder { return pipe.SAdd(ctx, deleted, q.Number) })
	if err != nil {
		return err
	}
	if err := remove(ctx, s, queues, name); err != nil {
		return err
	}
	return s.changeView(ctx, q.Number)
}

// create stores a record that must not exist.
func create[T any](ctx context.Context, s *Store, key, name string, record T) error {
	encoded, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	ok, err := s.compareAndSet(ctx, key, name, "", string(encoded))
	if err == nil && !ok {
		return batch.ErrExists
	}
	return err
}

// update changes a record that must exist.
func update[T any](ctx context.Context, s *Store, key, name string, change func(*T) error) (T, error) {
	var zero T
	for range casAttempts {
		record, stored, err := load[T](ctx, s, key, name)
		if err != nil {
			return zero, err
		}
		if err := change(&record); err != nil {
			return zero, err
		}
		encoded, err := json.Marshal(record)
		if err != nil {
			return zero, fmt.Errorf("encode %s: %w", name, err)
		}
		ok, err := s.compareAndSet(ctx, key, name, stored, string(encoded))
		if err != nil || ok {
			return record, err
		}
	}
	return zero, batch.ErrConflict
}

// remove deletes a record whatever it is.
func remove(ctx context.Context, s *Store, key, name string) error {
	for range casAttempts {
		stored, err := s.client.HGet(ctx, key, name).Result()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		if err != nil {
			return wrap(err)
		}
		ok, err := s.compareAndSet(ctx, key, name, stored, "")
		if err != nil || ok {
			return err
		}
	}
	return batch.ErrConflict
}

func (s *Store) compareAndSet(ctx context.Context, key, name, expected, record string) (bool, error) {
	v, err := s.run(ctx, s.scripts.compareAndSet, []string{key}, name, expected, record, changes, Change{}.String())
	return v == int64(1), err
}

// load reads a record and the form it is stored in.
func load[T any](ctx context.Context, s *Store, key, name string) (record T, stored string, err error) {
	stored, err = s.client.HGet(ctx, key, name).Result()
	if errors.Is(err, redis.Nil) {
		return record, "", batch.ErrNotFound
	}
	if err != nil {
		return record, "", wrap(err)
	}
	if err := json.Unmarshal([]byte(stored), &record); err != nil {
		return record, "", fmt.Errorf("decode %s of %s: %w", name, key, err)
	}
	return record, stored, nil
}

// loadAll reads every record of a kind, sorted by name.
func loadAll[T any](ctx context.Context, s *Store, key string) ([]T, error) {
	stored, err := s.client.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, wrap(err)
	}
	out := make([]T, 0, len(stored))
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		var record T
		if err := json.Unmarshal([]byte(stored[name]), &record); err != nil {
			return nil, fmt.Errorf("decode %s of %s: %w", name, key, err)
		}
		out = append(out, record)
	}
	return out, nil
}
