// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// pruneBatch is how many jobs Prune forgets in one round trip, pruneRounds how many round trips it makes in one call:
// ten thousand jobs every few seconds is more than a server takes in.
const (
	pruneBatch  = 200
	pruneRounds = 50
)

// Prune implements storetest.Store. It forgets the jobs that ended first; what is left when it has done its share
// goes with the next call.
func (s *Store) Prune(ctx context.Context, queueNumber int) error {
	q := slotOf(queueNumber)
	before := "(" + strconv.FormatInt(s.clock.Now().Add(-s.retention).UnixMilli(), 10)
	for range pruneRounds {
		ids, err := s.client.ZRangeByScore(ctx, q.ended(), &redis.ZRangeBy{Min: "-inf", Max: before, Count: pruneBatch}).Result()
		if err != nil {
			return wrap(err)
		}
		if len(ids) == 0 {
			return nil
		}
		if err := s.retire(ctx, q, ids); err != nil {
			return fmt.Errorf("forget finished jobs: %w", err)
		}
	}
	return nil
}

// retire forgets jobs, arrays with their children.
func (s *Store) retire(ctx context.Context, q slot, ids []string) error {
	at := make([]address, len(ids))
	for i, id := range ids {
		at[i] = address{slot: q, id: shortID(id)}
	}
	jobs, err := s.read(ctx, at)
	if err != nil {
		return err
	}
	known := make(map[string]*batch.Job, len(jobs))
	for i := range jobs {
		known[jobs[i].ID] = &jobs[i]
	}
	pipe := s.client.Pipeline()
	for _, a := range at {
		keys := []string{
			a.record(), a.status(batch.StatusFailed), a.ended(), a.children(a.id), a.dependents(a.id), a.specs(),
			a.specReferences(), a.settled(),
		}
		if job := known[a.String()]; job != nil {
			keys[1] = a.status(job.Status)
			for _, c := range job.Consumables {
				keys = append(keys, a.consumers(c.Name))
			}
			if err := s.retireChildren(ctx, a, job.ArraySize); err != nil {
				return err
			}
		}
		pipe.Eval(ctx, retireLua, keys, string(a.id))
	}
	return wrap(crashpoint.Around("redis/retire", func() error { return execute(ctx, pipe) }))
}

// execute sends a pipeline of writes.
func execute(ctx context.Context, pipe redis.Pipeliner) error {
	_, err := pipe.Exec(ctx)
	return err
}

// retireChildren forgets the records and marks of an array's children. The array itself goes last: what a crash leaves is
// found again.
func (s *Store) retireChildren(ctx context.Context, array address, size int) error {
	for start := 0; start < size; start += scanWindow {
		letters, err := s.letters(ctx, array, start, min(scanWindow, size-start))
		if err != nil {
			return err
		}
		pipe := s.client.Pipeline()
		for i := range len(letters) {
			child := array.id.child(start + i)
			if letters[i] == unrecorded {
				continue
			}
			pipe.ZRem(ctx, array.settled(), string(child))
			if letters[i] != unrecordedFailed {
				pipe.Unlink(ctx, array.job(child))
			}
		}
		if pipe.Len() == 0 {
			continue
		}
		if err := crashpoint.Around("redis/retire-children", func() error { return execute(ctx, pipe) }); err != nil {
			return wrap(err)
		}
	}
	return nil
}

// PruneDeleted implements storetest.Store. Of a queue whose last job is forgotten nothing stays but that it is closed.
func (s *Store) PruneDeleted(ctx context.Context) error {
	numbers, err := s.client.SMembers(ctx, deleted).Result()
	if err != nil {
		return wrap(err)
	}
	var errs []error
	for _, text := range numbers {
		number, err := strconv.Atoi(text)
		if err == nil {
			err = s.pruneDeleted(ctx, number)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *Store) pruneDeleted(ctx context.Context, number int) error {
	if err := s.Prune(ctx, number); err != nil {
		return err
	}
	q := slotOf(number)
	pipe := s.client.Pipeline()
	isClosed := pipe.Exists(ctx, q.closed())
	left := make([]*redis.IntCmd, len(batch.JobStatuses))
	for i, status := range batch.JobStatuses {
		left[i] = pipe.Exists(ctx, q.status(status))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return wrap(err)
	}
	hasJobs := slices.ContainsFunc(left, func(exists *redis.IntCmd) bool { return exists.Val() > 0 })
	if isClosed.Val() == 0 || hasJobs {
		return nil
	}
	err := crashpoint.Around("redis/forget-queue", func() error { return s.client.Unlink(ctx, q.withoutJobs()...).Err() })
	if err != nil {
		return wrap(err)
	}
	return wrap(crashpoint.Around("redis/forget-deleted", func() error { return s.client.SRem(ctx, deleted, number).Err() }))
}
