// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

const (
	callTimeout = 5 * time.Second
	// pokeInterval is the least time between two reads: pokes come in bursts.
	pokeInterval = 100 * time.Millisecond
)

// API is the one operation of the Batch API that is needed.
type API interface {
	DescribeComputeEnvironments(
		context.Context, *awsbatch.DescribeComputeEnvironmentsInput, ...func(*awsbatch.Options),
	) (*awsbatch.DescribeComputeEnvironmentsOutput, error)
}

// Config tunes a Reader.
type Config struct {
	Interval time.Duration // between two reads; 1 s if zero
	Changed  func()        // called after each change of the snapshot; may be nil
	Cluster  Cluster       // whose environments are read; of all clusters if zero
	Clock    clock.WithTicker
}

// Reader keeps the snapshot of environments.
type Reader struct {
	api   API
	types *resolver
	cfg   Config
	poke  chan struct{}

	snapshot atomic.Pointer[Snapshot] // nil until the first complete answer

	mu     sync.Mutex // guards readAt
	readAt time.Time
}

// New makes a Reader; Run lets it read.
func New(api API, types TypeResolver, cfg Config) *Reader {
	cfg.Interval = cmp.Or(cfg.Interval, time.Second)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Reader{api: api, types: newResolver(types, cfg.Clock), cfg: cfg, poke: make(chan struct{}, 1)}
}

// Snapshot is the last complete answer; nil before the first.
func (r *Reader) Snapshot() *Snapshot { return r.snapshot.Load() }

// ReadAt is when the snapshot was last confirmed; zero before the first answer.
func (r *Reader) ReadAt() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readAt
}

// Poke lets the Reader read soon, because something unknown was seen.
func (r *Reader) Poke() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// Run reads until ctx ends.
func (r *Reader) Run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		started := r.cfg.Clock.Now()
		err := r.Read(ctx)
		tell(ctx, failing, err)
		failing = err != nil
		r.pause(ctx, started)
	}
	return nil
}

// tell logs when reading begins and ceases to fail.
func tell(ctx context.Context, failing bool, err error) {
	logger := klog.FromContext(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil && !failing:
		logger.Error(err, "Cannot read compute environments, keeping what is known")
	case err == nil && failing:
		logger.Info("Compute environments are read again")
	}
}

// pause waits for the next read, or for ctx to end.
func (r *Reader) pause(ctx context.Context, started time.Time) {
	select {
	case <-ctx.Done():
		return
	case <-r.cfg.Clock.After(r.cfg.Interval):
		return
	case <-r.poke:
	}
	if rest := pokeInterval - r.cfg.Clock.Since(started); rest > 0 {
		select {
		case <-ctx.Done():
		case <-r.cfg.Clock.After(rest):
		}
	}
}

// Read asks once and, after a complete answer, replaces the snapshot.
func (r *Reader) Read(ctx context.Context) error {
	environments, err := r.describe(ctx)
	if err != nil {
		return err
	}
	for _, e := range environments {
		r.types.resolve(ctx, e)
	}
	next, last := NewSnapshot(environments...), r.snapshot.Load()
	r.mu.Lock()
	r.readAt = r.cfg.Clock.Now()
	r.mu.Unlock()
	if last != nil && reflect.DeepEqual(last, next) {
		return nil
	}
	r.snapshot.Store(next)
	klog.FromContext(ctx).Info("Compute environments changed", "computeEnvironments", len(environments))
	if r.cfg.Changed != nil {
		r.cfg.Changed()
	}
	return nil
}

func (r *Reader) describe(ctx context.Context) ([]*Environment, error) {
	var out []*Environment
	in := &awsbatch.DescribeComputeEnvironmentsInput{}
	for {
		reply, err := r.page(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("describe compute environments: %w", err)
		}
		for i := range reply.ComputeEnvironments {
			d := &reply.ComputeEnvironments[i]
			if e := environmentOf(d); e != nil && r.cfg.Cluster.has(d) {
				out = append(out, e)
			}
		}
		if aws.ToString(reply.NextToken) == "" {
			return out, nil
		}
		in.NextToken = reply.NextToken
	}
}

func (r *Reader) page(ctx context.Context, in *awsbatch.DescribeComputeEnvironmentsInput) (*awsbatch.DescribeComputeEnvironmentsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return r.api.DescribeComputeEnvironments(ctx, in)
}
