// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fairshare"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

// shares is how many shares the large queue has. AWS Batch: at most 500 are active.
const shares = 500

// plainJob is a job as SubmitJob stores it.
func plainJob(q batch.JobQueue, share string) batch.Job {
	id, err := batch.NewJobID(q.Number, nil)
	if err != nil {
		panic(err)
	}
	return batch.Job{
		ID: id, Name: "bench", Queue: q.Name, Definition: batch.DefinitionRef{Name: "bench", Revision: 1},
		CreatedAt: time.Now(), ContainerOverrides: []byte(`{"command":["echo","hello"]}`), ShareIdentifier: share,
		Requests: batch.Requests{MilliVCPU: 1000, MemoryMiB: 64}, Status: batch.StatusRunnable,
	}
}

func (b *bench) store() *redisstore.Store { return redisstore.New(b.redis.client, redisstore.Config{}) }

// arrays measures arrays of 10,000: how soon SubmitJob has accepted one, and what it takes in Redis, once nothing but
// submitted and once its first child has been admitted.
func (b *bench) arrays(ctx context.Context) error {
	const count, size = 100, 10_000
	c, err := dial(b.api.address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	in := submission("few")
	in["arrayProperties"] = object{"size": size}
	time.Sleep(3 * time.Second) // Redis frees what idle connections held
	before, err := b.redis.usedMemory(ctx)
	if err != nil {
		return err
	}
	var took []time.Duration
	var ids []string
	for range count {
		var out struct{ JobID string }
		sent := time.Now()
		if err := c.call("submitjob", in, &out); err != nil {
			return err
		}
		took, ids = append(took, time.Since(sent)), append(ids, out.JobID)
	}
	for _, id := range ids {
		if _, err := b.store().Transition(ctx, batch.ChildID(id, 0), admitted); err != nil {
			return err
		}
	}
	after, err := b.redis.usedMemory(ctx)
	if err != nil {
		return err
	}
	b.below("array of 10,000 accepted in, ms", quantile(took, 0.5), 10, "%.1f", fmt.Sprintf("median of %d; p99 %.1f", count, quantile(took, 0.99)))
	b.below("array of 10,000 stored in, KB", (after-before)/count/1000, 40, "%.1f", "its first child admitted")
	for _, id := range ids {
		for _, fail := range []string{id, batch.ChildID(id, 0)} {
			if _, err := b.store().Transition(ctx, fail, terminated); err != nil {
				return err
			}
		}
	}
	return nil
}

func admitted(job batch.Job) (batch.Job, error) {
	next, _, err := lifecycle.Step(job, lifecycle.Admitted{ComputeEnvironment: "bench", PodName: "pod", PodNamespace: "jobs"}, time.Now())
	return next, err
}

func withdrawn(job batch.Job) (batch.Job, error) {
	next, _, err := lifecycle.Step(job, lifecycle.Withdrawn{Attempt: 1}, time.Now())
	return next, err
}

func terminated(job batch.Job) (batch.Job, error) {
	next, _, err := lifecycle.Step(job, lifecycle.Terminated{Reason: "bench"}, time.Now())
	return next, err
}

// fill submits the jobs that the large figures are taken with, evenly to all shares of one queue, and a thousand to another.
// What is measured is memory, so that nothing is synced meanwhile.
func (b *bench) fill(ctx context.Context) error {
	large, err := b.store().CreateQueue(ctx, batch.JobQueue{
		Name: "large", State: batch.Enabled, Status: batch.ResourceValid, SchedulingPolicy: "bench",
		Environments: []batch.EnvironmentOrder{{Order: 1, Name: "bench"}},
	})
	if err != nil {
		return err
	}
	few, err := b.store().Queue(ctx, "few")
	if err != nil {
		return err
	}
	if err := b.redis.client.ConfigSet(ctx, "appendfsync", "no").Err(); err != nil {
		return err
	}
	before, err := b.redis.usedMemory(ctx)
	if err != nil {
		return err
	}
	if err := b.submitMany(ctx, large, b.jobs, shares); err != nil {
		return err
	}
	after, err := b.redis.usedMemory(ctx)
	if err != nil {
		return err
	}
	b.below("Redis bytes for each queued job", (after-before)/float64(b.jobs), 600, "%.0f", fmt.Sprintf("of %d in %d shares", b.jobs, shares))
	if err := b.submitMany(ctx, few, 1000, 1); err != nil {
		return err
	}
	return b.redis.client.ConfigSet(ctx, "appendfsync", "always").Err()
}

func (b *bench) submitMany(ctx context.Context, q batch.JobQueue, count, shares int) error {
	store := b.store()
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range 48 {
		group.Go(func() error {
			for {
				n := int(next.Add(1)) - 1
				if n >= count {
					return nil
				}
				share := ""
				if shares > 1 {
					share = "share" + strconv.Itoa(n%shares)
				}
				if _, err := store.Submit(ctx, q.Number, plainJob(q, share)); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// admission measures how long it takes to admit a job of a queue of a thousand and of the large one, in turn. Of the pages
// the faster quarter counts: what else runs on the machine makes the others slow.
func (b *bench) admission(ctx context.Context) error {
	const page, rounds = 20, 100
	store := b.store()
	queues := map[string]string{"few": "", "large": "share0"}
	took := map[string][]time.Duration{}
	for range rounds {
		for name, share := range queues {
			q, err := store.Queue(ctx, name)
			if err != nil {
				return err
			}
			began := time.Now()
			jobs, _, err := store.WaitingIn(ctx, q.Number, share, "", page)
			if err != nil {
				return err
			}
			for _, job := range jobs {
				if _, err := store.Transition(ctx, job.ID, admitted); err != nil {
					return err
				}
			}
			took[name] = append(took[name], time.Since(began)/time.Duration(len(jobs)))
			// Both queues stay as long as they are.
			for _, job := range jobs {
				if _, err := store.Transition(ctx, job.ID, withdrawn); err != nil {
					return err
				}
			}
		}
	}
	few, large := quantile(took["few"], 0.25), quantile(took["large"], 0.25)
	b.below("time to admit a job, growth in %", 100*(large/few-1), 10, "%.1f",
		fmt.Sprintf("%.3f ms with 1,000 queued, %.3f ms with %d; lower quartile of %d pages", few, large, b.jobs, rounds))
	return nil
}

// order measures how long a round takes to find the next thousand admissions of the large queue.
func (b *bench) order(ctx context.Context) error {
	const admissions, rounds = 1000, 7
	store := b.store()
	q, err := store.Queue(ctx, "large")
	if err != nil {
		return err
	}
	var took []time.Duration
	for range rounds {
		began := time.Now()
		names, err := store.WaitingShares(ctx, q.Number)
		if err != nil {
			return err
		}
		running, err := store.ShareUsage(ctx, q.Number)
		if err != nil {
			return err
		}
		fetch := readAhead(ctx, store, q.Number, names)
		ledger, err := fairshare.ReadLedger(nil)
		if err != nil {
			return err
		}
		policy := fairshare.NewPolicy(nil)
		ledger.Advance(time.Now(), running, policy.Tau())
		budget := &fairshare.Budget{Name: "bench", Accepts: true, Unlimited: true}
		verdicts, _, err := fairshare.Admit(fairshare.NewFairShare(names, ledger, running, policy, fetch), []*fairshare.Budget{budget},
			fairshare.Options{Limit: admissions, Now: time.Now()})
		if err != nil {
			return err
		}
		if len(verdicts) != admissions {
			return fmt.Errorf("%d verdicts, want %d", len(verdicts), admissions)
		}
		took = append(took, time.Since(began))
	}
	b.below("order of the next 1,000 admissions, ms", quantile(took, 0.5), 50, "%.1f", fmt.Sprintf("%d shares, %d jobs; median of %d", shares, b.jobs, rounds))
	return nil
}

// readAhead reads shares as the dispatcher does: the first pages of 64 shares at once.
func readAhead(ctx context.Context, store *redisstore.Store, queue int, shares []string) fairshare.Fetch {
	read := map[string]batch.Page{}
	return func(share, after string, limit int) ([]batch.Job, string, error) {
		if after != "" {
			return store.WaitingIn(ctx, queue, share, after, limit)
		}
		if _, ok := read[share]; !ok {
			i, _ := slices.BinarySearch(shares, share)
			wanted := shares[i:min(i+64, len(shares))]
			pages, err := store.WaitingFirst(ctx, queue, wanted, limit)
			if err != nil {
				return nil, "", err
			}
			for n, page := range pages {
				read[wanted[n]] = page
			}
		}
		return read[share].Jobs, read[share].Next, nil
	}
}
