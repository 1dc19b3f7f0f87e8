// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// headsAsked bounds the shares of a queue whose first entry is looked at to find the oldest.
const headsAsked = 100

// Tallies counts what there is in queues, in three round trips for all of them together. What is counted is not of one moment.
func (s *Store) Tallies(ctx context.Context, queues []batch.JobQueue) ([]batch.Tally, error) {
	if len(queues) == 0 {
		return nil, nil
	}
	counts := make([]*counting, len(queues))
	for i := range queues {
		counts[i] = &counting{slot: slotOf(queues[i].Number)}
	}
	for _, ask := range []func(*counting, context.Context, redis.Pipeliner){(*counting).askQueue, (*counting).askShares, (*counting).askHeads} {
		pipe := s.client.Pipeline()
		for _, c := range counts {
			ask(c, ctx, pipe)
		}
		if pipe.Len() == 0 {
			continue
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return nil, wrap(err)
		}
	}
	out := make([]batch.Tally, len(queues))
	for i, c := range counts {
		out[i] = c.tally(queues[i].Name)
	}
	return out, nil
}

// counting is what was asked of one queue.
type counting struct {
	slot

	jobs    [len(batch.JobStatuses)]*redis.IntCmd
	live    *redis.IntCmd
	used    *redis.MapStringStringCmd
	byShare *redis.MapStringStringCmd
	shares  *redis.StringSliceCmd
	first   *redis.StringSliceCmd // RUNNABLE
	sizes   []*redis.IntCmd       // of what waits, by share
	heads   []*redis.StringSliceCmd
	created []*redis.StringCmd // of the heads and the first
}

func (c *counting) askQueue(ctx context.Context, pipe redis.Pipeliner) {
	for i, status := range batch.JobStatuses {
		c.jobs[i] = pipe.ZCard(ctx, c.status(status))
	}
	c.live = pipe.SCard(ctx, c.slot.live())
	c.used = pipe.HGetAll(ctx, c.usage())
	c.byShare = pipe.HGetAll(ctx, c.shareUsage())
	c.shares = pipe.SMembers(ctx, c.waitingShares())
	c.first = pipe.ZRange(ctx, c.status(batch.StatusRunnable), 0, 0)
}

func (c *counting) askShares(ctx context.Context, pipe redis.Pipeliner) {
	for i, share := range c.shares.Val() {
		c.sizes = append(c.sizes, pipe.ZCard(ctx, c.waiting(share)))
		if i < headsAsked {
			c.heads = append(c.heads, pipe.ZRange(ctx, c.waiting(share), 0, 0))
		}
	}
}

func (c *counting) askHeads(ctx context.Context, pipe redis.Pipeliner) {
	for _, reply := range append(c.heads, c.first) {
		for _, id := range reply.Val() {
			c.created = append(c.created, pipe.HGet(ctx, c.job(shortID(id).job()), fieldCreated))
		}
	}
}

func (c *counting) tally(queue string) batch.Tally {
	t := batch.Tally{
		Queue: queue, Jobs: make(map[batch.JobStatus]int, len(batch.JobStatuses)), Waiting: map[string]int{}, Attempts: int(c.live.Val()),
		MilliVCPU: numbers(c.used.Val()), Shares: numbers(c.byShare.Val()),
	}
	for i, status := range batch.JobStatuses {
		t.Jobs[status] = int(c.jobs[i].Val())
	}
	for i, share := range c.shares.Val() {
		if n := int(c.sizes[i].Val()); n > 0 {
			t.Waiting[share] = n
		}
	}
	for _, reply := range c.created {
		millis, err := strconv.ParseInt(reply.Val(), 10, 64)
		if err != nil { // forgotten since
			continue
		}
		if at := time.UnixMilli(millis).UTC(); t.OldestRunnable.IsZero() || at.Before(t.OldestRunnable) {
			t.OldestRunnable = at
		}
	}
	return t
}

// numbers are the fields of a hash that are not 0.
func numbers(fields map[string]string) map[string]int64 {
	out := make(map[string]int64, len(fields))
	for name, text := range fields {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n != 0 {
			out[name] = n
		}
	}
	return out
}
