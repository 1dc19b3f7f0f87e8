// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// MaxShares bounds how many shares are told of, in all queues together. Those that hold most come first.
const MaxShares = 500

// Store is what a State asks.
type Store interface {
	Queues
	Environments(ctx context.Context) ([]batch.ComputeEnvironment, error)
	Policies(ctx context.Context) ([]batch.SchedulingPolicy, error)
	Tallies(ctx context.Context, queues []batch.JobQueue) ([]batch.Tally, error)
	// ListJobs gives a queue's jobs of a status, an array as one, the last submitted first.
	ListJobs(ctx context.Context, queueNumber int, status batch.JobStatus, after string, limit int) (jobs []batch.Job, next string, err error)
	Health(ctx context.Context) (batch.StoreHealth, error)
}

// StateConfig tunes a State.
type StateConfig struct {
	// Every is how often the store is asked. Default 10 s.
	Every time.Duration
	// Paused tells whether a queue admits nothing because somebody paused it. Default: none is.
	Paused func(batch.JobQueue) bool
	// Pending knows why jobs wait. Default: nobody does.
	Pending *Pending
	// Clock is the real one by default.
	Clock clock.WithTicker
}

// State tells how queues, environments and the store are. It asks the store while it runs, which only a leader has it do; a
// scrape costs the store nothing, and tells nothing once the last answer is old.
type State struct {
	cfg   StateConfig
	descs descs

	mu   sync.Mutex // guards what follows
	last *snapshot  // nil while it does not run
}

// snapshot is what the store said.
type snapshot struct {
	at           time.Time
	queues       []batch.JobQueue
	environments []batch.ComputeEnvironment
	tallies      []batch.Tally // in the order of queues
	pending      map[AdmittedAs]int
	weights      map[string]fairshare.Policy
	health       batch.StoreHealth
}

var _ prometheus.Collector = (*State)(nil)

// NewState registers a State, which tells nothing until it runs.
func NewState(registry prometheus.Registerer, cfg StateConfig) (*State, error) {
	cfg.Every = cmp.Or(cfg.Every, 10*time.Second)
	if cfg.Paused == nil {
		cfg.Paused = func(batch.JobQueue) bool { return false }
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.Pending == nil {
		cfg.Pending = NewPending()
	}
	s := &State{cfg: cfg, descs: newDescs()}
	if err := registry.Register(s); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// Run asks the store again and again until ctx ends.
func (s *State) Run(ctx context.Context, store Store) error {
	defer s.set(nil)
	ticker := s.cfg.Clock.NewTicker(s.cfg.Every)
	defer ticker.Stop()
	for {
		if err := s.refresh(ctx, store); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Metrics of queues are not up to date")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

func (s *State) refresh(ctx context.Context, store Store) (err error) {
	next := &snapshot{at: s.cfg.Clock.Now()}
	if next.queues, err = store.Queues(ctx); err != nil {
		return err
	}
	if next.environments, err = store.Environments(ctx); err != nil {
		return err
	}
	policies, err := store.Policies(ctx)
	if err != nil {
		return err
	}
	next.weights = make(map[string]fairshare.Policy, len(policies))
	for _, p := range policies {
		next.weights[p.Name] = fairshare.NewPolicy(p.FairShare)
	}
	if next.tallies, err = store.Tallies(ctx, next.queues); err != nil {
		return err
	}
	if next.pending, err = lookAtPending(ctx, store, next.queues, next.tallies); err != nil {
		return err
	}
	if next.health, err = store.Health(ctx); err != nil {
		return err
	}
	s.set(next)
	return nil
}

func (s *State) set(next *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = next
}

// staleAfter is how many rounds may fail before nothing is told any more: no number is better than a wrong one.
const staleAfter = 6

// current is the last snapshot; nil if there is none that counts.
func (s *State) current() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil || s.cfg.Clock.Since(s.last.at) > staleAfter*s.cfg.Every {
		return nil
	}
	return s.last
}

// Describe implements prometheus.Collector.
func (s *State) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range s.descs.all() {
		ch <- d
	}
	ch <- s.cfg.Pending.desc
}

// Collect implements prometheus.Collector.
func (s *State) Collect(ch chan<- prometheus.Metric) {
	now := s.current()
	if now == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	used := map[string]int64{} // by environment
	waiting := make(map[string]int, len(now.queues))
	for i := range now.queues {
		waiting[now.queues[i].Name] = waits(&now.tallies[i])
		s.collectQueue(gauge, now, &now.queues[i], &now.tallies[i])
		for environment, milli := range now.tallies[i].MilliVCPU {
			used[environment] += milli
		}
	}
	for _, p := range s.cfg.Pending.jobs(waiting, now.pending) {
		gauge(s.cfg.Pending.desc, float64(p.jobs), p.Queue, string(p.Code))
	}
	for _, share := range now.shares() {
		gauge(s.descs.shareWeight, share.weight, share.queue, share.name)
		gauge(s.descs.shareUsage, float64(share.milli)/1000, share.queue, share.name)
		gauge(s.descs.shareTarget, share.target/1000, share.queue, share.name)
	}
	for i := range now.environments {
		e := &now.environments[i]
		gauge(s.descs.environmentVCPUs, float64(e.MinvCPUs), e.Name, "min")
		gauge(s.descs.environmentVCPUs, float64(e.MaxvCPUs), e.Name, "max")
		gauge(s.descs.environmentVCPUs, float64(used[e.Name])/1000, e.Name, "admitted")
		if e.Report != nil {
			gauge(s.descs.environmentVCPUs, float64(e.Report.DesiredvCPUs), e.Name, "desired")
		}
		gauge(s.descs.environmentValid, number(e.Status != batch.ResourceInvalid), e.Name)
	}
	s.collectHealth(ch, gauge, now.health)
}

func (s *State) collectQueue(gauge func(*prometheus.Desc, float64, ...string), now *snapshot, q *batch.JobQueue, t *batch.Tally) {
	for _, status := range batch.JobStatuses {
		gauge(s.descs.jobs, float64(t.Jobs[status]), q.Name, string(status))
	}
	gauge(s.descs.waiting, float64(waits(t)), q.Name)
	gauge(s.descs.attempts, float64(t.Attempts), q.Name)
	gauge(s.descs.paused, number(s.cfg.Paused(*q)), q.Name)
	age := time.Duration(0)
	if !t.OldestRunnable.IsZero() {
		age = max(0, now.at.Sub(t.OldestRunnable))
	}
	gauge(s.descs.oldest, age.Seconds(), q.Name)
}

// waits is how much waits for admission in a queue.
func waits(t *batch.Tally) int {
	n := 0
	for _, of := range t.Waiting {
		n += of
	}
	return n
}

func (s *State) collectHealth(ch chan<- prometheus.Metric, gauge func(*prometheus.Desc, float64, ...string), h batch.StoreHealth) {
	gauge(s.descs.memory, float64(h.MemoryBytes))
	gauge(s.descs.memoryLimit, float64(h.MemoryLimit))
	gauge(s.descs.replicas, float64(h.Replicas))
	gauge(s.descs.replicaLag, float64(h.ReplicaLagBytes))
	gauge(s.descs.aofWritable, number(h.AOFWritable))
	ch <- prometheus.MustNewConstMetric(s.descs.delayedFsyncs, prometheus.CounterValue, float64(h.AOFDelayedFsyncs))
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// share is what is told of a share that is in use, or in which something waits.
type share struct {
	queue, name string
	milli       int64
	weight      float64
	target      float64 // thousandths of a vCPU
}

// shares are those of fair-share queues, at most MaxShares. A share's target is its part, by weight, of what the queue holds.
func (now *snapshot) shares() []share {
	var all []share
	for i := range now.queues {
		q, t := &now.queues[i], &now.tallies[i]
		if q.SchedulingPolicy == "" {
			continue
		}
		policy, ok := now.weights[q.SchedulingPolicy]
		if !ok {
			policy = fairshare.NewPolicy(nil)
		}
		all = append(all, sharesOf(q.Name, policy, t)...)
	}
	slices.SortFunc(all, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.milli, a.milli), cmp.Compare(a.queue, b.queue), cmp.Compare(a.name, b.name))
	})
	return all[:min(len(all), MaxShares)]
}

func sharesOf(queue string, policy fairshare.Policy, t *batch.Tally) []share {
	names := map[string]bool{}
	for name := range t.Shares {
		names[name] = true
	}
	for name := range t.Waiting {
		names[name] = true
	}
	var held int64
	parts := 0.
	out := make([]share, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		one := share{queue: queue, name: name, milli: t.Shares[name], weight: policy.Weight(name)}
		held += one.milli
		parts += 1 / one.weight
		out = append(out, one)
	}
	for i := range out {
		out[i].target = float64(held) / out[i].weight / parts
	}
	return out
}
