// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-batch/muster/queue-api/batch"
)

// liveJobs is how many jobs are under way when a new leader begins.
const liveJobs = 100_000

// live admits jobs of the large queue and measures how soon a new leader has all that are under way: their ids and records, as it
// reads them before it decides anything, with the fencing of every queue.
func (b *bench) live(ctx context.Context) error {
	q, err := b.store().Queue(ctx, "large")
	if err != nil {
		return err
	}
	count := min(liveJobs, b.jobs)
	if err := b.redis.client.ConfigSet(ctx, "appendfsync", "no").Err(); err != nil {
		return err
	}
	if err := b.admitMany(ctx, q, count); err != nil {
		return err
	}
	if err := b.redis.client.ConfigSet(ctx, "appendfsync", "always").Err(); err != nil {
		return err
	}
	began := time.Now()
	leader, err := b.store().Lead(ctx) // a store of its own, which knows nothing yet
	if err != nil {
		return err
	}
	ids, err := leader.Live(ctx, q.Number)
	if err != nil {
		return err
	}
	read := 0
	for page := range slices.Chunk(ids, 500) {
		jobs, err := leader.Jobs(ctx, page)
		if err != nil {
			return err
		}
		read += len(jobs)
	}
	if read < count {
		return fmt.Errorf("%d of %d jobs are under way", read, count)
	}
	b.below("a new leader has all jobs under way after, s", time.Since(began).Seconds(), 5, "%.2f", fmt.Sprintf("%d jobs", read))
	return nil
}

// admitMany admits the jobs of a queue that were submitted last.
func (b *bench) admitMany(ctx context.Context, q batch.JobQueue, count int) error {
	store := b.store()
	group, grouped := errgroup.WithContext(ctx)
	group.SetLimit(48)
	for after := ""; count > 0; {
		jobs, next, err := store.ListJobs(ctx, q.Number, batch.StatusRunnable, after, min(count, 500))
		if err != nil {
			return err
		}
		for _, job := range jobs {
			group.Go(func() error {
				_, err := store.Transition(grouped, job.ID, admitted)
				return err
			})
		}
		if count -= len(jobs); next == "" {
			break
		}
		after = next
	}
	return group.Wait()
}
