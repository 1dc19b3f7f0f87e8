// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// ListJobs implements storetest.Store.
func (s *Store) ListJobs(ctx context.Context, queueNumber int, status batch.JobStatus, after string, limit int) ([]batch.Job, string, error) {
	q := slotOf(queueNumber)
	return s.latestFirst(ctx, q, q.status(status), after, limit)
}

// ListConsumers implements storetest.Store.
func (s *Store) ListConsumers(ctx context.Context, queueNumber int, resource, after string, limit int) ([]batch.Job, string, error) {
	q := slotOf(queueNumber)
	return s.latestFirst(ctx, q, q.consumers(resource), after, limit)
}

// latestFirst pages through an index by order of submission, backwards.
func (s *Store) latestFirst(ctx context.Context, q slot, key, after string, limit int) ([]batch.Job, string, error) {
	from := "+inf"
	if after != "" {
		if _, err := strconv.ParseInt(after, 10, 64); err != nil {
			return nil, "", batch.Invalidf("nextToken: not a token of this list")
		}
		from = "(" + after
	}
	entries, err := s.client.ZRevRangeByScoreWithScores(ctx, key, &redis.ZRangeBy{Min: "-inf", Max: from, Count: int64(limit) + 1}).Result()
	if err != nil {
		return nil, "", wrap(err)
	}
	next := ""
	if len(entries) > limit {
		entries = entries[:limit]
		next = strconv.FormatInt(int64(entries[limit-1].Score), 10)
	}
	at := make([]address, len(entries))
	for i, e := range entries {
		at[i] = address{slot: q, id: shortID(fmt.Sprint(e.Member))}
	}
	jobs, err := s.read(ctx, at)
	return jobs, next, err
}

// Live implements storetest.Store.
func (s *Store) Live(ctx context.Context, queueNumber int) ([]string, error) {
	q := slotOf(queueNumber)
	ids, err := s.client.SMembers(ctx, q.live()).Result()
	if err != nil { // what a reply that broke off leaves in ids is not what was stored
		return nil, wrap(err)
	}
	for i, id := range ids {
		ids[i] = q.full(shortID(id))
	}
	return ids, nil
}

// Usage implements storetest.Store.
func (s *Store) Usage(ctx context.Context, queueNumber int) (map[string]int64, error) {
	return s.amounts(ctx, slotOf(queueNumber).usage())
}
