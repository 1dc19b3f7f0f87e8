// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"

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
// before: it was restored, emptied or replaced by a replica that was behind, or a shard of it was. Who leads then must look at
// everything anew.
func (s *Store) Pulse(ctx context.Context) error {
	keys, err := s.pulseKeys(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(keys))
	var work sync.WaitGroup
	for i, key := range keys {
		work.Go(func() { errs[i] = s.pulse(ctx, key) })
	}
	work.Wait()
	return errors.Join(errs...)
}

func (s *Store) pulse(ctx context.Context, key string) error {
	n, err := s.increment(ctx, "redis/pulse", key)
	if err != nil {
		return err
	}
	before, _ := s.lastPulses.Swap(key, n)
	if last, known := before.(int64); known && n <= last {
		return fmt.Errorf("redis went back from %d to %d: %w", last, n, batch.ErrStaleEpoch)
	}
	return nil
}

// mostPulses bounds the keys that are tried to find one on each master, which takes no call. Shards of a size take a few for each.
const mostPulses = 10_000

// pulseKeys are one on each master of a Redis Cluster, as any shard may go back alone; one for any other Redis.
func (s *Store) pulseKeys(ctx context.Context) ([]string, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return []string{pulse}, nil
	}
	var mu sync.Mutex // masters are visited at once
	without := map[string]bool{}
	err := cluster.ForEachMaster(ctx, func(_ context.Context, master *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		without[master.Options().Addr] = true
		return nil
	})
	var keys []string
	for key, i := pulse, 0; len(without) > 0 && i < mostPulses; key, i = pulseKey(i), i+1 {
		master, err := cluster.MasterForKey(ctx, key)
		if err == nil && without[master.Options().Addr] {
			delete(without, master.Options().Addr)
			keys = append(keys, key)
		}
	}
	return keys, wrap(err)
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
