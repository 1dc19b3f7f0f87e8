// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Config tunes a store.
type Config struct {
	// Durability says when a write counts as done. Default Fsync.
	Durability Durability
	// Retention is how long a finished job stays readable. Default 7 days, AWS Batch's own.
	Retention time.Duration
	// EventsKept bounds the outbox of each queue. Default 10,000.
	EventsKept int
	// MaxJobs bounds the jobs of each queue that are not finished, an array being one. Default: no bound.
	MaxJobs int
	// MaxActiveShares bounds the active shares of each queue. Default 500, AWS Batch's own.
	MaxActiveShares int
	// Clock stamps events. Default the real one.
	Clock clock.PassiveClock
	// Observer is told of what is written. Default nobody is.
	Observer Observer
	// Metrics count. Default: none do.
	Metrics *Metrics
}

// Store keeps Muster's records in Redis.
type Store struct {
	client     redis.UniversalClient
	writes     *writers
	reads      *batcher // of what Target asks
	scripts    scripts
	durability Durability
	retention  time.Duration
	eventsKept int
	maxJobs    int
	maxShares  int
	specs      specCache
	targets    targetCache
	suspects   *suspects // of the last audit
	clock      clock.PassiveClock
	lastPulses *sync.Map // by key
	observer   Observer  // may be nil
	metrics    *Metrics  // may be nil
	epoch      int64     // 0 for writers that need no leadership
}

// New makes a store over the client, which it does not close.
func New(client redis.UniversalClient, cfg Config) *Store {
	durability := cmp.Or(cfg.Durability, Fsync)
	s := &Store{
		client:     client,
		writes:     newWriters(client, durability == Replicated),
		reads:      newBatcher(client, nil),
		scripts:    newScripts(),
		durability: durability,
		retention:  cmp.Or(cfg.Retention, 7*24*time.Hour),
		eventsKept: cmp.Or(cfg.EventsKept, 10_000),
		maxJobs:    cfg.MaxJobs,
		maxShares:  cmp.Or(cfg.MaxActiveShares, 500),
		specs:      newSpecCache(),
		targets:    newTargetCache(),
		suspects:   &suspects{},
		lastPulses: &sync.Map{},
		clock:      cfg.Clock,
		observer:   cfg.Observer,
		metrics:    cfg.Metrics,
	}
	if s.metrics != nil {
		client.AddHook(readTimer{s.metrics})
	}
	if s.clock == nil {
		s.clock = clock.RealClock{}
	}
	return s
}

// Lead starts a new leadership: it returns a store whose transitions fail with batch.ErrStaleEpoch once another leader has
// started. Every queue is fenced before Lead returns.
func (s *Store) Lead(ctx context.Context) (*Store, error) {
	epoch, err := s.increment(ctx, "redis/lead", lastEpoch)
	if err != nil {
		return nil, err
	}
	if err := s.provideSeal(ctx); err != nil {
		return nil, err
	}
	leader := *s
	leader.epoch, leader.lastPulses = epoch, &sync.Map{}
	queues, err := s.Queues(ctx)
	if err != nil {
		return nil, err
	}
	for _, q := range queues {
		if err := leader.claim(ctx, q.Number); err != nil {
			return nil, err
		}
	}
	return &leader, nil
}

// claim fences one queue for this leader. A queue that is created later is fenced by the leader's first write to it.
func (s *Store) claim(ctx context.Context, queueNumber int) error {
	ok, err := s.run(ctx, s.scripts.claim, []string{slotOf(queueNumber).epoch()}, s.epoch)
	if err != nil {
		return err
	}
	if ok != int64(1) {
		return batch.ErrStaleEpoch
	}
	return nil
}

// changed tells the observer, if there is one.
func (s *Store) changed(old, next *batch.Job) {
	if s.observer != nil {
		s.observer.Changed(old, next)
	}
}

// Ping tells whether Redis answers.
func (s *Store) Ping(ctx context.Context) error { return wrap(s.client.Ping(ctx).Err()) }

// Changes calls handle for each hint that another writer left, until ctx ends or the connection breaks; a broken
// connection is an error, and hints were missed. ready is called once hints are being received.
func (s *Store) Changes(ctx context.Context, ready func(), handle func(Change)) error {
	sub := s.client.Subscribe(ctx, changes)
	defer sub.Close()
	// A blocked receive does not look at ctx; closing the subscription ends it.
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() })
	defer stop()
	if _, err := sub.Receive(ctx); err != nil {
		return wrap(err)
	}
	ready()
	for {
		msg, err := sub.ReceiveMessage(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return wrap(err)
		}
		if c, err := parseChange(msg.Payload); err == nil {
			handle(c)
		}
	}
}
