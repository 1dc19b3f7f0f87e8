// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/fairshare"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// Store is what a Dispatcher asks of the store.
type Store interface {
	Environments(ctx context.Context) ([]batch.ComputeEnvironment, error)
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	Policies(ctx context.Context) ([]batch.SchedulingPolicy, error)
	Definition(ctx context.Context, ref batch.DefinitionRef) (batch.JobDefinition, error)
	JobStore
	ShareStore
	ConsumableStore
}

// JobStore keeps jobs, and what the attempts under way hold of each environment.
type JobStore interface {
	Job(ctx context.Context, id string) (batch.Job, error)
	Jobs(ctx context.Context, ids []string) ([]batch.Job, error)
	Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error)
	Usage(ctx context.Context, queueNumber int) (map[string]int64, error)
}

// ShareStore keeps what waits in a queue by share. A FIFO queue has one share, "".
type ShareStore interface {
	WaitingShares(ctx context.Context, queueNumber int) ([]string, error)
	WaitingIn(ctx context.Context, queueNumber int, share, after string, limit int) (jobs []batch.Job, next string, err error)
	WaitingFirst(ctx context.Context, queueNumber int, shares []string, limit int) ([]batch.Page, error)
	ShareUsage(ctx context.Context, queueNumber int) (map[string]int64, error)
	Shares(ctx context.Context, queueNumber int) ([]string, error)
	ForgetShare(ctx context.Context, queueNumber int, share string) error
	LoadShareLedger(ctx context.Context, queueNumber int) ([]byte, error)
	SaveShareLedger(ctx context.Context, queueNumber int, ledger []byte) error
	LoadPace(ctx context.Context, queueNumber int) ([]byte, error)
	SavePace(ctx context.Context, queueNumber int, pace []byte) error
}

// ConsumableStore keeps consumable resources.
type ConsumableStore interface {
	Consumable(ctx context.Context, name string) (batch.ConsumableResource, error)
	TakeConsumables(ctx context.Context, holder string, want []batch.ConsumableRequirement) (short string, err error)
	ReturnConsumables(ctx context.Context, holder string, spent bool) error
}

// Config tunes a Dispatcher.
type Config struct {
	// Pod are the server's defaults for pods.
	Pod podspec.Options
	// Tick is the longest time between two rounds; changes start one at once. Default 1 s.
	Tick time.Duration
	// Batch bounds the jobs of one queue admitted in a round. Default 500.
	Batch int
	// Skips bounds the jobs of one queue, shared out among its shares, that a round passes over because they wait for something of their own, a consumable
	// resource or a larger environment; those behind them are looked at in later rounds. Default 1000.
	Skips int
	// Backfill is how many jobs may overtake one that does not fit, in each round, and BackfillFor how long they may. Default
	// 0: the head of a queue is not overtaken.
	Backfill    int
	BackfillFor time.Duration
	// HeadRoom is how long at first the head of a queue keeps what is left of an environment from the queues behind its own;
	// see keepsRoom. Default 0: it does not.
	HeadRoom time.Duration
	// CapacityBackoff is how long a job is not admitted again to an environment in which no node could be launched for it,
	// while there is another. Default 5 minutes.
	CapacityBackoff time.Duration
	// Parallel bounds the pods made at once. Default 16.
	Parallel int
	// Clock ranks pods and starts rounds. Default the real one.
	Clock clock.WithTicker
	// Metrics count; the zero value does not.
	Metrics Metrics
	// Traceparent is the span of a job's attempt; empty while no traces are sent. Default: none are.
	Traceparent func(jobID string, attempt int) string
	// Waits is told, after each round, why what waits in a queue is not admitted. Default nobody is.
	Waits func(queue string, w Waits)
	// Looked is told how each round went. Default nobody is.
	Looked func(took time.Duration, err error)
}

// Dispatcher admits jobs.
type Dispatcher struct {
	store       Store
	clusters    Clusters
	cfg         Config
	wake        chan struct{}
	definitions definitionCache
	ranks       ranks
	unmade      jobSet // admitted jobs whose pods could not all be made
	making      jobLocks
	failures    failures

	// What follows is a round's, and rounds do not overlap.

	heads    map[int]fairshare.Head // by queue number
	accounts map[int]*account       // of fair-share queues, by queue number
	sweeps   map[shareKey]*sweep
	paces    map[int]*paceKeeper // by queue number
}

// New makes a Dispatcher.
func New(store Store, clusters Clusters, cfg Config) *Dispatcher {
	cfg.Tick = cmp.Or(cfg.Tick, time.Second)
	cfg.Batch = cmp.Or(cfg.Batch, 500)
	cfg.Skips = cmp.Or(cfg.Skips, 1000)
	cfg.Parallel = cmp.Or(cfg.Parallel, 16)
	cfg.CapacityBackoff = cmp.Or(cfg.CapacityBackoff, 5*time.Minute)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.Traceparent == nil {
		cfg.Traceparent = func(string, int) string { return "" }
	}
	if cfg.Looked == nil {
		cfg.Looked = func(time.Duration, error) {}
	}
	return &Dispatcher{
		store: store, clusters: clusters, cfg: cfg, wake: make(chan struct{}, 1), ranks: ranks{clock: cfg.Clock},
		heads: map[int]fairshare.Head{}, accounts: map[int]*account{}, sweeps: map[shareKey]*sweep{}, paces: map[int]*paceKeeper{},
	}
}

// Wake starts a round soon. It does not block.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run dispatches until ctx ends or another leader took over, which is batch.ErrStaleEpoch. Any other error is logged and
// the round tried again.
func (d *Dispatcher) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	ticker := d.cfg.Clock.NewTicker(d.cfg.Tick)
	defer ticker.Stop()
	defer d.cfg.Metrics.noHeads()
	for {
		start := d.cfg.Clock.Now()
		err := d.runOnce(ctx)
		d.cfg.Looked(d.cfg.Clock.Since(start), err)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, batch.ErrStaleEpoch):
			return err
		case err != nil:
			logger.Error(err, "Dispatch round is tried again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-ticker.C():
		}
	}
}

// runOnce is one round over all queues, highest priority first, after what the last round could not finish.
func (d *Dispatcher) runOnce(ctx context.Context) error {
	start := d.cfg.Clock.Now()
	defer func() { d.cfg.Metrics.round(d.cfg.Clock.Since(start).Seconds()) }()
	unfinished := d.finish(ctx)
	r, err := d.newRound(ctx)
	if err != nil {
		return err
	}
	d.forgetQueues(r)
	d.failures.learn(r.environments)
	errs := []error{unfinished, d.relocate(ctx, r)}
	for _, q := range r.order {
		switch {
		case q.Status == batch.ResourceDeleting:
			d.tellAll(q.Name, explain.QueueDeleting)
		case batchmeta.IsPaused(q.Tags):
			d.tellAll(q.Name, explain.QueuePaused)
			errs = append(errs, d.rest(ctx, q, r))
		default:
			errs = append(errs, d.dispatchQueue(ctx, q, r))
		}
	}
	return errors.Join(append(errs, d.savePaces(ctx))...)
}

// rest is the round of a paused queue: nothing of it is admitted, nobody keeps room for its head, and time goes on in its
// ledger. It is looked at each round: whoever takes the tag away needs to tell nobody.
func (d *Dispatcher) rest(ctx context.Context, q batch.JobQueue, r *round) error {
	delete(d.heads, q.Number)
	if q.SchedulingPolicy == "" {
		return nil
	}
	shares, err := d.shareState(ctx, q)
	if err == nil {
		_, _, err = d.balance(ctx, q, fairshare.NewPolicy(r.policies[q.SchedulingPolicy].FairShare), shares)
	}
	if err != nil {
		return fmt.Errorf("share ledger of job queue %s: %w", q.Name, err)
	}
	return nil
}

// forgetQueues drops what is kept of queues that are no more; their numbers are not given out again.
func (d *Dispatcher) forgetQueues(r *round) {
	if max(len(d.heads), len(d.paces)) <= len(r.order) {
		return
	}
	numbers, names := map[int]bool{}, map[string]bool{}
	for _, q := range r.order {
		numbers[q.Number], names[q.Name] = true, true
	}
	d.cfg.Metrics.forgetQueues(names)
	maps.DeleteFunc(d.heads, func(n int, _ fairshare.Head) bool { return !numbers[n] })
	maps.DeleteFunc(d.paces, func(n int, _ *paceKeeper) bool { return !numbers[n] })
	maps.DeleteFunc(d.accounts, func(n int, _ *account) bool { return !numbers[n] })
	maps.DeleteFunc(d.sweeps, func(k shareKey, _ *sweep) bool { return !numbers[k.queue] })
}

// finish makes the pods that could not be made when their jobs were admitted.
func (d *Dispatcher) finish(ctx context.Context) error {
	var errs []error
	for cluster, ids := range d.unmade.byCluster() {
		if _, ok := d.clusters.Pods(cluster); ok {
			errs = append(errs, d.finishIn(ctx, ids))
		}
	}
	return errors.Join(errs...)
}

// finishIn makes the pods of jobs of one cluster. The first failure ends it: the API server is asked once a round, not once a
// job, while it is down.
func (d *Dispatcher) finishIn(ctx context.Context, ids []string) error {
	for _, id := range ids {
		job, err := d.store.Job(ctx, id)
		if err != nil && !errors.Is(err, batch.ErrNotFound) {
			return err
		}
		if err == nil {
			if err := d.Ensure(ctx, job); err != nil {
				return err
			}
		}
		d.unmade.remove(id)
	}
	return nil
}
