// SPDX-License-Identifier: Apache-2.0

package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// Store is what a Releaser asks of the store; see package storetest.
type Store interface {
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	Job(ctx context.Context, id string) (batch.Job, error)
	Jobs(ctx context.Context, ids []string) ([]batch.Job, error)
	Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error)
	ListJobs(ctx context.Context, queueNumber int, status batch.JobStatus, after string, limit int) (jobs []batch.Job, next string, err error)
	ListChildren(ctx context.Context, parentID string, status batch.JobStatus, from, limit int) (jobs []batch.Job, next int, err error)

	Dependents(ctx context.Context, on string) ([]batch.Dependent, error)
	RemoveDependent(ctx context.Context, on string, dependent batch.Dependent) error
	Settled(ctx context.Context, queueNumber int, after int64, limit int) ([]batch.Settled, error)
	Unsettle(ctx context.Context, mark batch.Settled) error

	TakeConsumables(ctx context.Context, holder string, want []batch.ConsumableRequirement) (short string, err error)
	ReturnConsumables(ctx context.Context, holder string, spent bool) error
	ConsumableHolders(ctx context.Context) ([]string, error)
}

// Dispatcher is who admits jobs.
type Dispatcher interface {
	// Wake says that a job may run now, or that resources came back. It does not block.
	Wake()
}

// Config tunes a Releaser.
type Config struct {
	// Tick is the longest time between two rounds; Wake starts one at once. Default 1 s.
	Tick time.Duration
	// Repair is the time between two passes over what waits, for what got lost. Default 1 minute.
	Repair time.Duration
	// Grace is how long a dependent that is registered but not submitted is waited for after the end of what it depends
	// on: its submission may be under way. Default 2 minutes.
	Grace time.Duration
	// Lost is how long the children of an array are looked for whose record was lost. Default 10 minutes.
	Lost time.Duration
	// Batch bounds a page of marks, jobs or children. Default 500.
	Batch int
	// Parallel bounds the marks of a page, and the children of an array, that are worked on at once. Default 16.
	Parallel int
	// Clock dates transitions and starts rounds. Default the real one.
	Clock clock.WithTicker
	// Looked is told how each round went. Default nobody is.
	Looked func(took time.Duration, err error)
}

// maxPages bounds the pages of one queue in a round, so that a busy queue does not hold up the others.
const maxPages = 20

// Releaser draws the consequences of ends.
type Releaser struct {
	store      Store
	dispatcher Dispatcher
	cfg        Config
	wake       chan struct{}
	repairer   repairer
}

// New makes a Releaser.
func New(store Store, dispatcher Dispatcher, cfg Config) *Releaser {
	cfg.Tick = cmp.Or(cfg.Tick, time.Second)
	cfg.Repair = cmp.Or(cfg.Repair, time.Minute)
	cfg.Grace = cmp.Or(cfg.Grace, 2*time.Minute)
	cfg.Lost = cmp.Or(cfg.Lost, 10*time.Minute)
	cfg.Batch = cmp.Or(cfg.Batch, 500)
	cfg.Parallel = cmp.Or(cfg.Parallel, 16)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.Looked == nil {
		cfg.Looked = func(time.Duration, error) {}
	}
	return &Releaser{
		store: store, dispatcher: dispatcher, cfg: cfg, wake: make(chan struct{}, 1),
		repairer: repairer{pages: map[int]string{}, idle: map[string]bool{}},
	}
}

// Wake starts a round soon. It does not block.
func (r *Releaser) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run releases until ctx ends or another leader took over, which is batch.ErrStaleEpoch. Any other error is logged and
// what it cut short done again in the next round.
func (r *Releaser) Run(ctx context.Context) error {
	ticker, slow := r.cfg.Clock.NewTicker(r.cfg.Tick), r.cfg.Clock.NewTicker(r.cfg.Repair)
	defer ticker.Stop()
	defer slow.Stop()
	for work := r.runOnce; ; {
		start := r.cfg.Clock.Now()
		err := work(ctx)
		r.cfg.Looked(r.cfg.Clock.Since(start), err)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, batch.ErrStaleEpoch):
			return err
		case err != nil:
			klog.FromContext(ctx).Error(err, "Release round is tried again")
		}
		work = r.runOnce
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-ticker.C():
		case <-slow.C():
			work = r.repair
		}
	}
}

// runOnce is one round over the marks of all queues. A mark that is left for later, or whose work failed, holds no other up.
func (r *Releaser) runOnce(ctx context.Context) error {
	queues, err := r.store.Queues(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, 0, len(queues))
	for _, q := range queues {
		errs = append(errs, r.drain(ctx, q.Number))
	}
	return errors.Join(errs...)
}

// drain works on a queue's marks, those made meanwhile too.
func (r *Releaser) drain(ctx context.Context, queueNumber int) error {
	var errs []error
	var done atomic.Int64
	after := int64(0)
	for range maxPages {
		marks, err := r.store.Settled(ctx, queueNumber, after, r.cfg.Batch)
		if err != nil || len(marks) == 0 {
			errs = append(errs, err)
			break
		}
		after = marks[len(marks)-1].Mark
		errs = append(errs, forEach(r.cfg.Parallel, marks, func(m batch.Settled) error {
			isDone, err := r.settle(ctx, m)
			if isDone {
				done.Add(1)
			}
			return err
		}))
	}
	if done.Load() > 0 {
		r.Wake() // what was done may have marked others, in other queues, too
	}
	return errors.Join(errs...)
}

// forEach runs do for each item, several at once, and gives the errors of all.
func forEach[T any](parallel int, items []T, do func(T) error) error {
	errs := make([]error, len(items))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, item := range items {
		group.Go(func() error {
			errs[i] = do(item)
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(errs...)
}

// step lets an event happen to a job. An id that is unknown is batch.ErrNotFound.
func (r *Releaser) step(ctx context.Context, id string, ev lifecycle.Event) error {
	var effects []lifecycle.Effect
	_, err := r.store.Transition(ctx, id, func(job batch.Job) (batch.Job, error) {
		next, after, err := lifecycle.Step(job, ev, r.cfg.Clock.Now())
		effects = after
		return next, err
	})
	if err != nil {
		return fmt.Errorf("%T of job %s: %w", ev, id, err)
	}
	if slices.Contains(effects, lifecycle.Dispatch) {
		r.dispatcher.Wake()
	}
	return nil
}
