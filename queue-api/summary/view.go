// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// ViewStore is what a View reads.
type ViewStore interface {
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	Environments(ctx context.Context) ([]batch.ComputeEnvironment, error)
	Tallies(ctx context.Context, queues []batch.JobQueue) ([]batch.Tally, error)
	Steps(ctx context.Context, queueNumbers []int) ([][][]byte, error)
}

const (
	// freshFor is how long a summary counts: many pages ask for it at once when something happens.
	freshFor = 250 * time.Millisecond
	// dayFor is how long a history counts, which changes slowly and is long.
	dayFor = 20 * time.Second
)

// View answers how all queues are. Those who ask at the same time share an answer, which they must not change.
type View struct {
	store  ViewStore
	clock  clock.PassiveClock
	flight singleflight.Group

	mu     sync.Mutex // guards what follows
	made   *viewapi.Summary
	madeAt time.Time
	days   map[int]*viewapi.History // by queue number
	dayAt  time.Time
}

// NewView makes a View.
func NewView(store ViewStore, clk clock.PassiveClock) *View { return &View{store: store, clock: clk} }

// Summary is how all queues are, without totals.
func (v *View) Summary(ctx context.Context) (*viewapi.Summary, error) {
	v.mu.Lock()
	made, madeAt := v.made, v.madeAt
	v.mu.Unlock()
	if made != nil && v.clock.Since(madeAt) < freshFor {
		return made, nil
	}
	asked := v.flight.DoChan("", func() (any, error) { return v.make(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case answer := <-asked:
		if answer.Err != nil {
			return nil, answer.Err
		}
		return answer.Val.(*viewapi.Summary), nil
	}
}

// makeTimeout bounds the making of a summary, which does not end with who asked for it.
const makeTimeout = 15 * time.Second

func (v *View) make(ctx context.Context) (*viewapi.Summary, error) {
	ctx, cancel := context.WithTimeout(ctx, makeTimeout)
	defer cancel()
	now := v.clock.Now()
	queues, err := v.store.Queues(ctx)
	if err != nil {
		return nil, err
	}
	environments, err := v.store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	tallies, err := v.store.Tallies(ctx, queues)
	if err != nil {
		return nil, err
	}
	days, err := v.history(ctx, queues, now)
	if err != nil {
		return nil, err
	}
	most := limits(environments)
	out := &viewapi.Summary{At: now.UnixMilli(), Queues: make([]viewapi.QueueSummary, len(queues))}
	for i := range queues {
		out.Queues[i] = queueSummary(&queues[i], &tallies[i], most, now)
		out.Queues[i].History = days[queues[i].Number]
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.made, v.madeAt = out, now
	return out, nil
}

// history gives the day of each queue, as it was a moment ago. A queue that is new since has none yet.
func (v *View) history(ctx context.Context, queues []batch.JobQueue, now time.Time) (map[int]*viewapi.History, error) {
	v.mu.Lock()
	days, at := v.days, v.dayAt
	v.mu.Unlock()
	if days != nil && now.Sub(at) < dayFor {
		return days, nil
	}
	numbers := make([]int, len(queues))
	for i := range queues {
		numbers[i] = queues[i].Number
	}
	records, err := v.store.Steps(ctx, numbers)
	if err != nil {
		return nil, err
	}
	days = make(map[int]*viewapi.History, len(numbers))
	for i, number := range numbers {
		days[number] = history(decodeSteps(records[i], now))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.days, v.dayAt = days, now
	return days, nil
}

// limits are the vCPUs that environments may have, by name; nil for one without a limit.
func limits(environments []batch.ComputeEnvironment) map[string]*float64 {
	out := make(map[string]*float64, len(environments))
	for i := range environments {
		out[environments[i].Name] = nil
		if n := environments[i].MaxvCPUs; n > 0 || environments[i].Type == batch.Managed {
			out[environments[i].Name] = new(float64(n))
		}
	}
	return out
}

func queueSummary(q *batch.JobQueue, t *batch.Tally, most map[string]*float64, now time.Time) viewapi.QueueSummary {
	s := viewapi.QueueSummary{
		JobQueue: q.Name, State: string(q.State), Status: string(q.Status), StatusReason: q.StatusReason, Priority: q.Priority,
		Paused: batchmeta.IsPaused(q.Tags), Counts: make(map[string]int64, len(t.Jobs)), Attempts: int64(t.Attempts), MaxVCPUs: new(0.0),
	}
	for status, n := range t.Jobs {
		s.Counts[string(status)] = int64(n)
	}
	if !t.OldestRunnable.IsZero() {
		s.OldestRunnableAgeSeconds = new(max(0, int64(now.Sub(t.OldestRunnable)/time.Second)))
	}
	for _, milli := range t.MilliVCPU {
		s.VCPUsUsed += float64(milli) / 1000
	}
	for _, e := range q.Environments {
		limit, known := most[e.Name]
		switch {
		case !known:
		case limit == nil:
			s.MaxVCPUs = nil
		case s.MaxVCPUs != nil:
			*s.MaxVCPUs += *limit
		}
	}
	return s
}
