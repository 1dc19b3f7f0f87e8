// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// ListJobs implements storetest.Store. An entry whose record has expired is left out and dropped from the index.
func (s *Store) ListJobs(ctx context.Context, queueNumber int, status batch.JobStatus, after string, limit int) ([]batch.Job, string, error) {
	q := slotOf(queueNumber)
	from := "+inf"
	if after != "" {
		if _, err := strconv.ParseInt(after, 10, 64); err != nil {
			return nil, "", batch.Invalidf("nextToken: not a token of this list")
		}
		from = "(" + after
	}
	entries, err := s.client.ZRevRangeByScoreWithScores(ctx, q.status(status),
		&redis.ZRangeBy{Min: "-inf", Max: from, Count: int64(limit) + 1}).Result()
	if err != nil {
		return nil, "", wrap(err)
	}
	next := ""
	if len(entries) > limit {
		entries = entries[:limit]
		next = strconv.FormatInt(int64(entries[limit-1].Score), 10)
	}
	jobs, err := s.indexed(ctx, q.status(status), entries)
	return jobs, next, err
}

// indexed loads the jobs of an index and drops the entries that lead nowhere.
func (s *Store) indexed(ctx context.Context, key string, entries []redis.Z) ([]batch.Job, error) {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = fmt.Sprint(e.Member)
	}
	jobs, err := s.Jobs(ctx, ids)
	if err != nil || len(jobs) == len(ids) {
		return jobs, err
	}
	found := make(map[string]bool, len(jobs))
	for _, job := range jobs {
		found[job.ID] = true
	}
	for _, id := range ids {
		if !found[id] {
			if err := s.client.ZRem(ctx, key, id).Err(); err != nil {
				return nil, wrap(err)
			}
		}
	}
	return jobs, nil
}

// Waiting implements storetest.Store.
func (s *Store) Waiting(ctx context.Context, queueNumber, limit int) ([]batch.Job, error) {
	key := slotOf(queueNumber).waiting()
	entries, err := s.client.ZRangeWithScores(ctx, key, 0, int64(limit)-1).Result()
	if err != nil {
		return nil, wrap(err)
	}
	return s.indexed(ctx, key, entries)
}

// Live implements storetest.Store.
func (s *Store) Live(ctx context.Context, queueNumber int) ([]string, error) {
	ids, err := s.client.SMembers(ctx, slotOf(queueNumber).live()).Result()
	return ids, wrap(err)
}

// Usage implements storetest.Store.
func (s *Store) Usage(ctx context.Context, queueNumber int) (map[string]int64, error) {
	fields, err := s.client.HGetAll(ctx, slotOf(queueNumber).usage()).Result()
	if err != nil {
		return nil, wrap(err)
	}
	out := make(map[string]int64, len(fields))
	for environment, v := range fields {
		milli, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("usage of %s: %w", environment, err)
		}
		if milli != 0 {
			out[environment] = milli
		}
	}
	return out, nil
}

// Events implements storetest.Store.
func (s *Store) Events(ctx context.Context, queueNumber int) ([]string, error) {
	entries, err := s.client.XRange(ctx, slotOf(queueNumber).events(), "-", "+").Result()
	if err != nil {
		return nil, wrap(err)
	}
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = fmt.Sprintf("%v %v %v", e.Values["job"], e.Values["from"], e.Values["to"])
	}
	return out, nil
}

// Prune drops finished jobs whose record has expired from the queue's indexes, oldest first, and stops at one that has not.
func (s *Store) Prune(ctx context.Context, queueNumber int) error {
	for _, status := range []batch.JobStatus{batch.StatusSucceeded, batch.StatusFailed} {
		key := slotOf(queueNumber).status(status)
		for {
			entries, err := s.client.ZRangeWithScores(ctx, key, 0, pruneBatch-1).Result()
			if err != nil {
				return wrap(err)
			}
			kept, err := s.indexed(ctx, key, entries)
			if err != nil {
				return err
			}
			if len(kept) > 0 || len(entries) == 0 {
				break
			}
		}
	}
	return nil
}

// pruneBatch is how many index entries Prune looks at in one round trip.
const pruneBatch = 100
