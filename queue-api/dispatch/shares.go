// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// ledgerEvery is the shortest time between two writes of a queue's ledger. What a crash loses is integrated again from
// what runs.
const ledgerEvery = time.Second

// fewestSkips is how many jobs of a share a round passes over even if there are many shares.
const fewestSkips = 8

// account is the ledger of a fair-share queue as this leader keeps it: read once, written when what runs has changed.
type account struct {
	*fairshare.Ledger
	savedAt time.Time
	saved   map[string]int64 // what ran when the ledger was written last
}

// shareState is what a round knows of a queue's shares.
type shareState struct {
	waiting []string         // shares with a waiting job
	active  []string         // shares that count
	running map[string]int64 // thousandths of a vCPU
}

// order gives the queue's jobs in the order in which they are to be admitted, and what the queue may hold in all its
// environments together, nil for no bound.
func (p *plan) order(ctx context.Context, budgets []*fairshare.Budget) (*fairshare.Order, *fairshare.Budget, error) {
	fetch := func(share, after string, limit int) ([]batch.Job, string, error) {
		return p.fetch(ctx, share, after, limit)
	}
	q := p.queue
	if q.SchedulingPolicy == "" {
		return fairshare.NewFIFO(fetch), nil, nil
	}
	policy := fairshare.NewPolicy(p.round.policies[q.SchedulingPolicy].FairShare)
	shares, err := p.d.shareState(ctx, q)
	if err != nil {
		return nil, nil, fmt.Errorf("shares of job queue %s: %w", q.Name, err)
	}
	p.skips = max(p.skips/max(1, len(shares.waiting)), fewestSkips)
	p.ahead.shares = shares.waiting
	ledger, active, err := p.d.balance(ctx, q, policy, shares)
	if err != nil {
		return nil, nil, fmt.Errorf("share ledger of job queue %s: %w", q.Name, err)
	}
	usable := policy.Usable(budgets, shares.running, active)
	return fairshare.NewFairShare(shares.waiting, ledger, shares.running, policy, fetch), usable, nil
}

func (d *Dispatcher) shareState(ctx context.Context, q batch.JobQueue) (s shareState, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { s.waiting, err = d.store.WaitingShares(ctx, q.Number); return err })
	group.Go(func() (err error) { s.active, err = d.store.Shares(ctx, q.Number); return err })
	group.Go(func() (err error) { s.running, err = d.store.ShareUsage(ctx, q.Number); return err })
	return s, group.Wait()
}

// balance brings the queue's ledger up to now, forgets the shares that count no more, and tells how many do.
func (d *Dispatcher) balance(ctx context.Context, q batch.JobQueue, policy fairshare.Policy, s shareState) (*fairshare.Ledger, int, error) {
	a, err := d.account(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	now := d.cfg.Clock.Now()
	a.Advance(now, s.running, policy.Tau())
	isWaiting := func(share string) bool { _, found := slices.BinarySearch(s.waiting, share); return found }
	idle := a.Idle(s.active, isWaiting, policy.Window)
	for _, share := range idle {
		if err := d.store.ForgetShare(ctx, q.Number, share); err != nil {
			return nil, 0, err
		}
	}
	if (len(idle) > 0 || !maps.Equal(a.saved, s.running)) && now.Sub(a.savedAt) >= ledgerEvery {
		text, err := a.Bytes()
		if err != nil {
			return nil, 0, err
		}
		if err := d.store.SaveShareLedger(ctx, q.Number, text); err != nil {
			return nil, 0, err
		}
		a.saved, a.savedAt = s.running, now
	}
	return a.Ledger, len(s.active) - len(idle), nil
}

// account gives the queue's ledger, read once in a leadership.
func (d *Dispatcher) account(ctx context.Context, q batch.JobQueue) (*account, error) {
	if a := d.accounts[q.Number]; a != nil {
		return a, nil
	}
	text, err := d.store.LoadShareLedger(ctx, q.Number)
	if err != nil {
		return nil, err
	}
	ledger, err := fairshare.ReadLedger(text)
	if err != nil {
		return nil, err
	}
	d.accounts[q.Number] = &account{Ledger: ledger}
	return d.accounts[q.Number], nil
}
