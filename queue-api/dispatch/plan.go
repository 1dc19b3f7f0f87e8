// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/fairshare"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// plan is what a round decides for one queue. It is made as a whole before anything of it is carried out, because the pages
// of waiting jobs hold only while none of them is admitted. Consumable resources alone are taken at once.
type plan struct {
	d       *Dispatcher
	queue   batch.JobQueue
	round   *round
	short   shortages
	taking  error           // what went wrong when consumable resources were taken
	told    map[string]bool // blocked jobs and arrays, once this round told them so
	closed  map[string]bool // environments that took work as the round began, and take none now
	actions []func(context.Context) error
	// consumables are the resources of which there was too little, as they were read; nil for one that does not exist.
	consumables map[string]*batch.ConsumableResource

	skips    int                 // of each share
	readings map[string]*reading // by share
	ahead    firstPages
}

// dispatchQueue admits what one queue may have now.
func (d *Dispatcher) dispatchQueue(ctx context.Context, q batch.JobQueue, r *round) error {
	p := &plan{
		d: d, queue: q, round: r, short: shortages{}, told: map[string]bool{}, skips: d.cfg.Skips, readings: map[string]*reading{},
		consumables: map[string]*batch.ConsumableResource{},
	}
	budgets := r.budgetsOf(q)
	giveBack := r.lend(q, budgets)
	defer func() {
		giveBack()
		d.keepRoom(q, r)
	}()
	order, usable, err := p.order(ctx, budgets)
	if err != nil {
		return err
	}
	verdicts, head, err := fairshare.Admit(order, budgets, fairshare.Options{
		Limit: d.cfg.Batch, Skips: p.skips, Usable: usable,
		Places: p.places, Take: func(job batch.Job) string { return p.take(ctx, job) },
		Backfill: d.cfg.Backfill, BackfillFor: d.cfg.BackfillFor, Head: d.heads[q.Number], Now: d.cfg.Clock.Now(),
	})
	admitted := 0
	for _, v := range verdicts {
		if v.Environment != "" {
			admitted++
		}
		p.note(v)
		p.add(v)
	}
	if admitted > 0 {
		p.closed = d.closed(ctx, r)
	}
	p.tellWaits(verdicts, head, budgets)
	if cut := p.remember(); head.JobID != "" || !cut {
		d.heads[q.Number] = head
	}
	d.cfg.Metrics.head(q.Name, d.heads[q.Number], d.cfg.Clock.Now())
	if admitted == d.cfg.Batch {
		d.Wake() // after the other queues' turn
	}
	return errors.Join(err, p.taking, p.carryOut(ctx), d.notePace(ctx, q, admitted))
}

// places are the environments that the job may be admitted to: for a multi-node job those that take gangs, and for one that
// found no capacity in some those that are left, if any is.
func (p *plan) places(job batch.Job, all []*fairshare.Budget) ([]*fairshare.Budget, string) {
	if job.IsMultiNode() {
		gangs := p.round.takeGangs(all)
		if len(gangs) == 0 && len(all) > 0 {
			return nil, explain.ReasonNoGangs
		}
		return gangs, ""
	}
	if open := p.d.failures.open(job, all, p.d.retryAfter()); len(open) > 0 {
		return open, ""
	}
	return all, ""
}

// add plans what follows from a verdict.
func (p *plan) add(v fairshare.Verdict) {
	switch {
	case v.Environment != "":
		e, rank := p.round.environments[v.Environment], p.d.ranks.next(p.queue.Priority)
		p.do(func(ctx context.Context) error {
			if p.closed[e.Name] {
				return p.d.giveBack(ctx, v.Job)
			}
			return p.d.admit(ctx, p.queue, v.Job, e, rank)
		})
	case v.Blocked != "":
		p.block(v.Job, v.Blocked)
	case v.Short != waitsBehind:
		p.explain(v.Job, v.Short)
	}
}

func (p *plan) do(action func(context.Context) error) { p.actions = append(p.actions, action) }

// block tells a job that it cannot start as things are, and cancels it once a time limit of its queue is over. Of an array
// one child is told: each of the others would need a record of its own for it.
func (p *plan) block(job batch.Job, reason string) {
	ref, err := batch.ParseJobID(job.ID)
	if err != nil || p.told[ref.Job] {
		return
	}
	p.told[ref.Job] = true
	if job.StatusReason != reason {
		p.explain(job, reason)
		return
	}
	p.do(func(ctx context.Context) error {
		_, err := p.d.limit(ctx, p.queue, job)
		return err
	})
}

// explain says why the job waits; nothing if it only waits its turn.
func (p *plan) explain(job batch.Job, reason string) {
	if job.StatusReason == reason {
		return
	}
	p.do(func(ctx context.Context) error {
		err := p.d.step(ctx, job.ID, lifecycle.Blocked{Reason: reason})
		if errors.Is(err, batch.ErrNotFound) {
			return nil
		}
		return err
	})
}

// carryOut does what was planned. One job's trouble is not another's.
func (p *plan) carryOut(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(p.d.cfg.Parallel)
	for _, act := range p.actions {
		group.Go(func() error { return act(ctx) })
	}
	return group.Wait()
}
