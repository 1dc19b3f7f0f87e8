// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
)

// shortages are the consumable resources of which this round found too little for a job of the queue, with the largest
// quantity that the jobs behind it may still ask for. It is 0 where they wait behind that job, so that it is not overtaken
// for ever, and the total where that job asked for more than there is in all: nobody waits behind one that cannot be served.
type shortages map[string]int64

// concern reports whether it is known that the job gets nothing.
func (s shortages) concern(job batch.Job) bool {
	for _, r := range job.Consumables {
		if most, ok := s[r.Name]; ok && r.Quantity > most {
			return true
		}
	}
	return false
}

// waitsBehind stands for the shortage of a job behind another that was told.
const waitsBehind = "behind"

// take gives the job's next attempt all that it needs of consumable resources or nothing, and says what it waits for.
// AWS Batch: a job waits RUNNABLE until all quantities can be taken at once. Jobs that need nothing of what is short go on.
func (p *plan) take(ctx context.Context, job batch.Job) (short string) {
	if len(job.Consumables) == 0 {
		return ""
	}
	if p.taking != nil || p.short.concern(job) {
		return waitsBehind
	}
	name, err := p.d.store.TakeConsumables(ctx, nextAttempt(job), job.Consumables)
	if err == nil && name == "" {
		return ""
	}
	if err == nil {
		short, err = p.shortOf(ctx, name, job)
	}
	if err != nil {
		p.taking = fmt.Errorf("consumable resources of job %s: %w", job.ID, err)
		return waitsBehind
	}
	return short
}

// shortOf notes and words a shortage.
func (p *plan) shortOf(ctx context.Context, name string, job batch.Job) (string, error) {
	var needs int64
	for _, r := range job.Consumables {
		if r.Name == name {
			needs = max(needs, r.Quantity)
		}
	}
	resource, err := p.d.store.Consumable(ctx, name)
	switch {
	case errors.Is(err, batch.ErrNotFound): // AWS Batch: may be made again any time
		p.short[name], p.consumables[name] = 0, nil
		return fmt.Sprintf(explain.ConsumableWait+"%s: %d needed, and it does not exist.", name, needs), nil
	case err != nil:
		return "", err
	case needs > resource.TotalQuantity:
		p.short[name] = min(resource.TotalQuantity, p.short.most(name))
	default:
		p.short[name] = 0
	}
	p.consumables[name] = &resource
	return fmt.Sprintf(explain.ConsumableWait+"%s: %d needed, %d of %d available.",
		name, needs, resource.Available(), resource.TotalQuantity), nil
}

func (s shortages) most(name string) int64 {
	if most, ok := s[name]; ok {
		return most
	}
	return math.MaxInt64
}

// giveBack returns what take took for an attempt that does not come to be.
func (d *Dispatcher) giveBack(ctx context.Context, job batch.Job) error {
	if len(job.Consumables) == 0 {
		return nil
	}
	return d.store.ReturnConsumables(ctx, nextAttempt(job), false)
}

// nextAttempt is the holder of what a waiting job takes.
func nextAttempt(job batch.Job) string { return batch.AttemptID(job.ID, len(job.Attempts)+1) }
