// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"cmp"
	"context"
	"errors"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Store is what a Checker asks of the store.
type Store interface {
	// Audit makes one pass; see package redisstore. It calls pause between two pages of work.
	Audit(ctx context.Context, repair bool, report func(batch.Finding), pause func(context.Context) error) (records int, err error)
}

// Config tunes a Checker.
type Config struct {
	// Share is the part of the time that a pass works, the rest of which it rests. Default 0.2.
	Share float64
	// Rest is the time between two passes. Default 20 s.
	Rest time.Duration
	// Clock times pages. Default the real one.
	Clock clock.Clock
	// Metrics count; the zero value does not.
	Metrics Metrics
}

// Checker checks.
type Checker struct {
	store Store
	cfg   Config
}

// New makes a Checker.
func New(store Store, cfg Config) *Checker {
	cfg.Share = cmp.Or(cfg.Share, 0.2)
	cfg.Rest = cmp.Or(cfg.Rest, 20*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Checker{store: store, cfg: cfg}
}

// Run checks until ctx ends or another leader took over, which is batch.ErrStaleEpoch. Any other error is logged and the pass
// begun again after a rest.
func (c *Checker) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	for ctx.Err() == nil {
		start := c.cfg.Clock.Now()
		records, err := c.store.Audit(ctx, true, func(f batch.Finding) { c.report(ctx, f) }, c.pacer())
		switch {
		case ctx.Err() != nil: // what err says is that
		case errors.Is(err, batch.ErrStaleEpoch):
			return err
		case err != nil:
			logger.Error(err, "Check of the store is begun again")
		default:
			c.cfg.Metrics.pass(c.cfg.Clock.Since(start).Seconds(), records)
			logger.V(4).Info("Checked the store", "records", records, "took", c.cfg.Clock.Since(start))
		}
		_ = c.sleep(ctx, c.cfg.Rest)
	}
	return nil
}

func (c *Checker) report(ctx context.Context, f batch.Finding) {
	c.cfg.Metrics.Found(f.Check)
	klog.FromContext(ctx).Error(nil, "The store breaks a rule", "check", f.Check, "job", f.Job, "key", f.Key, "detail", f.Detail, "repaired", f.Mended)
}

// pacer rests after each page as long as is its due.
func (c *Checker) pacer() func(context.Context) error {
	began := c.cfg.Clock.Now()
	return func(ctx context.Context) error {
		worked := c.cfg.Clock.Since(began)
		err := c.sleep(ctx, time.Duration(float64(worked)*(1/c.cfg.Share-1)))
		began = c.cfg.Clock.Now()
		return err
	}
}

func (c *Checker) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := c.cfg.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C():
		return nil
	}
}
