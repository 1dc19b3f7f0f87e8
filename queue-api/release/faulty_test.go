// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/storetest"
)

var errInjected = errors.New("the store is away")

// faulty is a store that is away from one call on.
type faulty struct {
	storetest.Store
	left  int  // calls until it is away; 0 is never
	after bool // the call at which it goes away is done, but nobody learns of it
	away  bool
}

// failIn makes the nth call from now on fail, and all that follow; 0 makes all well.
func (f *faulty) failIn(n int, after bool) { f.left, f.after, f.away = n, after, false }

func call[T any](f *faulty, do func() (T, error)) (T, error) {
	var zero T
	if f.away {
		return zero, errInjected
	}
	if f.left > 0 {
		if f.left--; f.left == 0 {
			f.away = true
			if f.after {
				_, _ = do()
			}
			return zero, errInjected
		}
	}
	return do()
}

func callErr(f *faulty, do func() error) error {
	_, err := call(f, func() (bool, error) { return true, do() })
	return err
}

func (f *faulty) Queues(ctx context.Context) ([]batch.JobQueue, error) {
	return call(f, func() ([]batch.JobQueue, error) { return f.Store.Queues(ctx) })
}

func (f *faulty) Job(ctx context.Context, id string) (batch.Job, error) {
	return call(f, func() (batch.Job, error) { return f.Store.Job(ctx, id) })
}

func (f *faulty) Jobs(ctx context.Context, ids []string) ([]batch.Job, error) {
	return call(f, func() ([]batch.Job, error) { return f.Store.Jobs(ctx, ids) })
}

func (f *faulty) Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	return call(f, func() (batch.Job, error) { return f.Store.Transition(ctx, id, step) })
}

func (f *faulty) ListChildren(ctx context.Context, parentID string, status batch.JobStatus, from, limit int) ([]batch.Job, int, error) {
	next := -1
	jobs, err := call(f, func() (jobs []batch.Job, err error) {
		jobs, next, err = f.Store.ListChildren(ctx, parentID, status, from, limit)
		return jobs, err
	})
	return jobs, next, err
}

func (f *faulty) Dependents(ctx context.Context, on string) ([]batch.Dependent, error) {
	return call(f, func() ([]batch.Dependent, error) { return f.Store.Dependents(ctx, on) })
}

func (f *faulty) RemoveDependent(ctx context.Context, on string, dependent batch.Dependent) error {
	return callErr(f, func() error { return f.Store.RemoveDependent(ctx, on, dependent) })
}

func (f *faulty) Settled(ctx context.Context, queueNumber int, after int64, limit int) ([]batch.Settled, error) {
	return call(f, func() ([]batch.Settled, error) { return f.Store.Settled(ctx, queueNumber, after, limit) })
}

func (f *faulty) Unsettle(ctx context.Context, mark batch.Settled) error {
	return callErr(f, func() error { return f.Store.Unsettle(ctx, mark) })
}

func (f *faulty) ReturnConsumables(ctx context.Context, holder string, spent bool) error {
	return callErr(f, func() error { return f.Store.ReturnConsumables(ctx, holder, spent) })
}
