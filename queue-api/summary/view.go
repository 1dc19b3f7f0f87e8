// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/fresh"
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
	store   ViewStore
	clock   clock.PassiveClock
	summary *fresh.Answer[*viewapi.Summary]
	days    *fresh.Answer[map[int]*viewapi.History] // by queue number
}

// NewView makes a View.
func NewView(store ViewStore, clk clock.PassiveClock) *View {
	v := &View{store: store, clock: clk}
	v.summary = fresh.New(clk, freshFor, v.summarize)
	v.days = fresh.New(clk, dayFor, v.history)
	return v
}

// Summary is how all queues are, without totals.
func (v *View) Summary(ctx context.Context) (*viewapi.Summary, error) { return v.summary.Get(ctx) }

func (v *View) summarize(ctx context.Context) (*viewapi.Summary, error) {
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
	days, err := v.days.Get(ctx)
	if err != nil {
		return nil, err
	}
	most := limits(environments)
	out := &viewapi.Summary{At: now.UnixMilli(), Queues: make([]viewapi.QueueSummary, len(queues))}
	for i := range queues {
		out.Queues[i] = queueSummary(&queues[i], &tallies[i], most, now)
		out.Queues[i].History = days[queues[i].Number]
	}
	return out, nil
}

// history gives the day of each queue. One that is new since it was asked for has none yet.
func (v *View) history(ctx context.Context) (map[int]*viewapi.History, error) {
	now := v.clock.Now()
	queues, err := v.store.Queues(ctx)
	if err != nil {
		return nil, err
	}
	numbers := make([]int, len(queues))
	for i := range queues {
		numbers[i] = queues[i].Number
	}
	records, err := v.store.Steps(ctx, numbers)
	if err != nil {
		return nil, err
	}
	days := make(map[int]*viewapi.History, len(numbers))
	for i, number := range numbers {
		days[number] = history(decodeSteps(records[i], now))
	}
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
