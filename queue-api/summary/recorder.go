// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Store is what is read of queues, and where their steps are kept.
type Store interface {
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	// Tallies counts what there is in queues, in their order.
	Tallies(ctx context.Context, queues []batch.JobQueue) ([]batch.Tally, error)
	// SaveStep puts a record at a place, instead of the one that is there.
	SaveStep(ctx context.Context, queueNumber, place int, record []byte) error
	// Steps gives the records of each queue, in no order.
	Steps(ctx context.Context, queueNumbers []int) ([][][]byte, error)
	// StatusChanges gives a queue's changes after a cursor, oldest first; LastStatusChange is the cursor of the newest.
	StatusChanges(ctx context.Context, queueNumber int, after string, limit int) ([]batch.StatusChange, error)
	LastStatusChange(ctx context.Context, queueNumber int) (string, error)
}

const (
	// lookEvery lies between two looks of a Recorder; the outbox keeps more than what changes in between.
	lookEvery = 5 * time.Second
	// page is how many changes are read at once.
	page = 1000
)

// Recorder keeps the steps of all queues. Run it in one process at a time; two do no harm, but may count what ends twice.
type Recorder struct {
	store   Store
	clock   clock.WithTicker
	current map[int]*step // by queue number
}

// NewRecorder makes a Recorder.
func NewRecorder(store Store, clk clock.WithTicker) *Recorder {
	return &Recorder{store: store, clock: clk, current: map[int]*step{}}
}

// Run keeps steps until ctx ends. What cannot be kept is tried again.
func (r *Recorder) Run(ctx context.Context) error {
	ticker := r.clock.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "History of queues was not kept")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// look brings the current step of every queue up to date. One queue's trouble is not another's.
func (r *Recorder) look(ctx context.Context) error {
	queues, err := r.store.Queues(ctx)
	if err != nil {
		return err
	}
	tallies, err := r.store.Tallies(ctx, queues)
	if err != nil {
		return err
	}
	known := map[int]*step{}
	var errs []error
	for i, q := range queues {
		s, err := r.record(ctx, q.Number, &tallies[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("queue %s: %w", q.Name, err))
		}
		if s != nil {
			known[q.Number] = s
		}
	}
	r.current = known // deleted queues are forgotten
	return errors.Join(errs...)
}

// record counts what ended since the last look, and keeps the step. What it returns is the step as it is now, nil if it is not
// known.
func (r *Recorder) record(ctx context.Context, queue int, t *batch.Tally) (*step, error) {
	was := r.current[queue]
	if was == nil {
		var err error
		if was, err = r.resume(ctx, queue); err != nil {
			return nil, err
		}
	}
	next := *was
	if n := numberOf(r.clock.Now()); n != was.Number {
		next = step{Number: n, Cursor: was.Cursor}
	}
	if err := r.count(ctx, queue, &next); err != nil {
		return was, err
	}
	next.Runnable, next.Running, next.MilliVCPU = int64(t.Jobs[batch.StatusRunnable]), int64(t.Attempts), 0
	for _, milli := range t.MilliVCPU {
		next.MilliVCPU += milli
	}
	if next == *was {
		return was, nil
	}
	record, err := json.Marshal(&next)
	if err != nil {
		return was, fmt.Errorf("encode step: %w", err)
	}
	if err := r.store.SaveStep(ctx, queue, next.place(), record); err != nil {
		return was, err
	}
	return &next, nil
}

// resume is the newest step that is kept, else an empty one that counts from now on.
func (r *Recorder) resume(ctx context.Context, queue int) (*step, error) {
	records, err := r.store.Steps(ctx, []int{queue})
	if err != nil {
		return nil, err
	}
	list := decodeSteps(records[0], r.clock.Now())
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Cursor != "" {
			return &list[i], nil
		}
	}
	s := &step{}
	s.Cursor, err = r.store.LastStatusChange(ctx, queue)
	return s, err
}

// count adds what ended after the step's cursor: jobs, children of arrays, and arrays themselves, one each.
func (r *Recorder) count(ctx context.Context, queue int, s *step) error {
	for {
		changes, err := r.store.StatusChanges(ctx, queue, s.Cursor, page)
		if err != nil {
			return err
		}
		for i := range changes {
			s.add(&changes[i])
		}
		if len(changes) < page {
			return nil
		}
	}
}

func (s *step) add(c *batch.StatusChange) {
	s.Cursor = c.Cursor
	if c.From == c.To {
		return
	}
	switch c.To {
	case batch.StatusSucceeded:
		s.Succeeded++
	case batch.StatusFailed:
		s.Failed++
	case batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable, batch.StatusStarting, batch.StatusRunning:
	}
}
