// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RestoreQueue implements storetest.Store.
func (s *Store) RestoreQueue(ctx context.Context, q batch.JobQueue) error {
	closed, err := s.client.Exists(ctx, slotOf(q.Number).closed()).Result()
	if err != nil {
		return wrap(err)
	}
	if closed == 1 {
		return batch.ErrNotFound
	}
	if _, err := s.run(ctx, s.scripts.raise, []string{queueNumber}, "", q.Number, 1); err != nil {
		return err
	}
	all, err := s.Queues(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Name == q.Name && other.Number == q.Number {
			return nil
		}
		if other.Number == q.Number {
			return batch.ErrExists
		}
	}
	err = create(ctx, s, queues, q.Name, q)
	if now, readErr := s.Queue(ctx, q.Name); errors.Is(err, batch.ErrExists) && readErr == nil && now.Number == q.Number {
		return nil // by another at the same time
	}
	return err
}

// Refence sees to it that every leadership until now is over, as after all was replaced by what was stored before: epochs are
// then at least what they were.
func (s *Store) Refence(ctx context.Context, epoch int64) error {
	if _, err := s.run(ctx, s.scripts.raise, []string{lastEpoch}, "", epoch, 1); err != nil {
		return err
	}
	_, err := s.Lead(ctx)
	return err
}

// Epoch is the last one given to a leader.
func (s *Store) Epoch(ctx context.Context) (int64, error) {
	epoch, err := s.client.Get(ctx, lastEpoch).Int64()
	return epoch, wrap(err)
}

// Pulse is called by a leader every now and then. It fails with batch.ErrStaleEpoch if Redis knows less than at the pulse
// before: it was restored, emptied or replaced by a replica that was behind. Who leads then must look at everything anew.
func (s *Store) Pulse(ctx context.Context) error {
	n, err := s.increment(ctx, "redis/pulse", pulse)
	if err != nil {
		return err
	}
	if last := s.lastPulse.Swap(n); n <= last {
		return fmt.Errorf("redis went back from %d to %d: %w", last, n, batch.ErrStaleEpoch)
	}
	return nil
}

// reasonLost is a child's that FailLost failed.
const reasonLost = "Record of the job was lost"

// FailLost fails a child of an array whose record is lost while it was under way: nobody else would end it. It fails with
// batch.ErrNotFound if there is no such child, as when a pod of it brought it back.
func (s *Store) FailLost(ctx context.Context, id string) error {
	at, err := locate(id)
	if err != nil || !at.id.isChild() {
		return batch.ErrNotFound
	}
	lost, err := encodeMutable(&batch.Job{ID: id, Status: batch.StatusFailed, StatusReason: reasonLost, StoppedAt: s.clock.Now()})
	if err != nil {
		return err
	}
	array := at.id.job()
	keys := []string{at.record(), at.job(array), at.children(array), at.settled(), at.marks()}
	v, err := s.run(ctx, s.scripts.failLost, keys, string(at.id), at.id.index(), lost)
	if err == nil && v != int64(1) {
		return batch.ErrNotFound
	}
	return err
}
