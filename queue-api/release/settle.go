// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// settle draws the consequences of what happened to a marked job, child or array, and forgets the mark. done is false, and
// the mark stays, while a dependent is missing that may yet be submitted.
func (r *Releaser) settle(ctx context.Context, mark batch.Settled) (done bool, err error) {
	job, err := r.store.Job(ctx, mark.ID)
	switch {
	case errors.Is(err, batch.ErrNotFound): // forgotten
	case err != nil:
		return false, err
	default:
		done, err := r.conclude(ctx, job)
		if err != nil {
			return false, fmt.Errorf("settle job %s: %w", job.ID, err)
		}
		if !done {
			return false, nil
		}
		klog.FromContext(ctx).V(4).Info("Settled job", "job", job.ID, "status", job.Status)
	}
	err = r.store.Unsettle(ctx, mark)
	return err == nil, err
}

// conclude does what follows from the job as it is now, whatever was done of it before. done is false if something is left
// to do later.
func (r *Releaser) conclude(ctx context.Context, job batch.Job) (done bool, err error) {
	if err := r.returnOver(ctx, job); err != nil {
		return false, err
	}
	switch {
	case job.IsArray() && !job.Status.IsTerminal():
		err = r.concludeArray(ctx, job)
	case job.IsChild() && job.Status.IsTerminal():
		err = r.concludeChild(ctx, job)
	}
	if err != nil || !job.Status.IsTerminal() {
		return err == nil, err
	}
	return r.tellDependents(ctx, job)
}

// tellDependents lets those go that wait for the whole of a job that ended, or fails them. AWS Batch: a job whose dependency
// failed fails with "Dependent Job failed". done is false if one was not found that may yet be submitted.
func (r *Releaser) tellDependents(ctx context.Context, job batch.Job) (done bool, err error) {
	dependents, err := r.store.Dependents(ctx, job.ID)
	if err != nil {
		return false, err
	}
	graceOver := r.cfg.Clock.Since(job.StoppedAt) >= r.cfg.Grace
	missing := make([]bool, len(dependents))
	err = forEach(r.cfg.Parallel, indexes(dependents), func(i int) error {
		err := r.tell(ctx, job, dependents[i])
		if errors.Is(err, batch.ErrNotFound) {
			if missing[i] = !graceOver; missing[i] {
				return nil
			}
		} else if err != nil {
			return err
		}
		return r.store.RemoveDependent(ctx, job.ID, dependents[i])
	})
	return !slices.Contains(missing, true), err
}

func indexes[T any](items []T) []int {
	out := make([]int, len(items))
	for i := range items {
		out[i] = i
	}
	return out
}

// tell tells one dependent that the job ended. One that waits child by child hears of every child that ended.
func (r *Releaser) tell(ctx context.Context, job batch.Job, dependent batch.Dependent) error {
	if dependent.Type == batch.DependencyNToN {
		return r.catchUp(ctx, dependent.ID)
	}
	return r.step(ctx, dependent.ID, ended(job))
}

func ended(job batch.Job) lifecycle.DependencyEnded {
	return lifecycle.DependencyEnded{JobID: job.ID, Succeeded: job.Status == batch.StatusSucceeded}
}
