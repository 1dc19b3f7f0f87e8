// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
)

// paceEvery is the shortest time between two writes of a queue's pace. Estimates are made of it, and nothing else.
const paceEvery = 10 * time.Second

// paceKeeper is the pace of a queue as this leader keeps it: read once, written when jobs were admitted.
type paceKeeper struct {
	explain.Pace

	isNew   bool // something is not saved
	savedAt time.Time
}

// notePace counts admissions of a queue.
func (d *Dispatcher) notePace(ctx context.Context, q batch.JobQueue, admitted int) error {
	if admitted == 0 {
		return nil
	}
	p := d.paces[q.Number]
	if p == nil {
		text, err := d.store.LoadPace(ctx, q.Number)
		if err != nil {
			return fmt.Errorf("pace of job queue %s: %w", q.Name, err)
		}
		p = &paceKeeper{}
		p.Pace, _ = explain.ReadPace(text) // what cannot be read begins anew
		d.paces[q.Number] = p
	}
	p.Note(d.cfg.Clock.Now(), admitted)
	p.isNew = true
	return nil
}

// savePaces writes what is new, of no queue too often.
func (d *Dispatcher) savePaces(ctx context.Context) error {
	now := d.cfg.Clock.Now()
	var errs []error
	for number, p := range d.paces {
		if !p.isNew || now.Sub(p.savedAt) < paceEvery {
			continue
		}
		text, err := p.Bytes()
		if err == nil {
			err = d.store.SavePace(ctx, number, text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("pace of job queue %d: %w", number, err))
			continue
		}
		p.isNew, p.savedAt = false, now
	}
	return errors.Join(errs...)
}
