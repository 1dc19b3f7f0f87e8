// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"maps"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// sweep takes a share's line further than one round looks. Where more jobs than Config.Skips wait for something of their
// own, every other round goes on where the last such round stopped: the jobs behind them are reached in the end, the first
// ones are looked at often, and no round reads more than its bound.
type sweep struct {
	cursor string // where the next sweeping round begins
	turn   bool   // whether the next round is one
	short  shortages
}

// shareKey names a share of a queue.
type shareKey struct {
	queue int
	share string
}

// reading is how far a round has read a share.
type reading struct {
	key      shareKey
	sweeping bool
	begun    bool
	last     string // where the last page began; where the second begins, empty without one, while only the first is read
	skipped  int
}

// fetch reads a share's next page. The first page of a sweeping round is not the share's first.
func (p *plan) fetch(ctx context.Context, share, after string, limit int) ([]batch.Job, string, error) {
	r := p.readings[share]
	if r == nil {
		r = &reading{key: shareKey{p.queue.Number, share}}
		p.readings[share] = r
		after = p.begin(r)
	}
	jobs, next, err := p.page(ctx, share, after, limit)
	if err == nil {
		r.last = after
		if !r.begun {
			r.begun, r.last = true, next // so that a sweep goes on, at least by its first page
		}
	}
	return jobs, next, err
}

func (p *plan) page(ctx context.Context, share, after string, limit int) ([]batch.Job, string, error) {
	if after != "" {
		return p.d.store.WaitingIn(ctx, p.queue.Number, share, after, limit)
	}
	page, err := p.ahead.get(ctx, p.d.store, p.queue.Number, share, limit)
	return page.Jobs, page.Next, err
}

// begin tells where this round begins to read the share.
func (p *plan) begin(r *reading) (after string) {
	s := p.d.sweeps[r.key]
	if s == nil {
		return ""
	}
	if r.sweeping = s.turn; r.sweeping {
		maps.Copy(p.short, s.short)
		after = s.cursor
	}
	s.turn = !s.turn
	return after
}

// note counts what a round passed over.
func (p *plan) note(v fairshare.Verdict) {
	if r := p.readings[v.Job.ShareIdentifier]; r != nil && v.Environment == "" {
		r.skipped++
	}
}

// remember keeps where the next sweeping round goes on, for the shares of which this round did not see the end because it
// passed over too many.
func (p *plan) remember() (cut bool) {
	for _, r := range p.readings {
		s := p.d.sweeps[r.key]
		switch {
		case r.skipped < p.skips || r.last == "":
			delete(p.d.sweeps, r.key)
		case s == nil:
			p.d.sweeps[r.key] = &sweep{cursor: r.last, turn: true, short: p.short}
			cut = true
		case r.sweeping:
			s.cursor = r.last
			cut = true
		default:
			s.short = p.short
			cut = true
		}
	}
	return cut
}
