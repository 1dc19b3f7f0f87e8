// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// concludeArray stops the children of a stopped array that has not ended, lets those go that may, and ends the array once
// they have all ended.
func (r *Releaser) concludeArray(ctx context.Context, array batch.Job) error {
	if array.Rest != nil {
		if err := r.stopChildren(ctx, array); err != nil {
			return err
		}
		if err := r.tellPairs(ctx, array); err != nil {
			return err
		}
	}
	if array.Children[batch.StatusPending] > 0 && waitsChildByChild(array) {
		if err := r.catchUpArray(ctx, array); err != nil {
			return err
		}
	}
	return r.endArray(ctx, array.ID)
}

// waitsChildByChild reports whether the array's children may be let go one by one now.
func waitsChildByChild(array batch.Job) bool {
	return array.IsArray() && array.Status == batch.StatusPending && len(array.Unmet) == 0 && array.Rest == nil
}

// stopChildren stops the children that have a record; the others ended with the array. AWS Batch: a cancelled array's
// children go on once they are STARTING, a terminated one's do not.
func (r *Releaser) stopChildren(ctx context.Context, array batch.Job) error {
	statuses := []batch.JobStatus{batch.StatusPending}
	ev := lifecycle.Event(lifecycle.Cancelled{Reason: array.Rest.Reason})
	if array.Stop != nil {
		statuses = append(statuses, batch.StatusRunnable)
		if array.Stop.Kind != batch.StopCancelled {
			ev = lifecycle.Terminated{Reason: array.Stop.Reason}
			statuses = append(statuses, batch.StatusStarting, batch.StatusRunning)
		}
	}
	for _, status := range statuses {
		err := r.eachChild(ctx, array, status, func(child batch.Job) error {
			if child.Stop != nil {
				return nil // asked before
			}
			return r.step(ctx, child.ID, ev)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachChild does something to every child of a status, several at once.
func (r *Releaser) eachChild(ctx context.Context, array batch.Job, status batch.JobStatus, do func(batch.Job) error) error {
	if array.Children[status] == 0 {
		return nil
	}
	return r.pages(ctx, array, status, func(children []batch.Job) error { return forEach(r.cfg.Parallel, children, do) })
}

func (r *Releaser) pages(ctx context.Context, array batch.Job, status batch.JobStatus, do func([]batch.Job) error) error {
	for from := 0; from >= 0; {
		children, next, err := r.store.ListChildren(ctx, array.ID, status, from, r.cfg.Batch)
		if err != nil {
			return err
		}
		if err := do(children); err != nil {
			return err
		}
		from = next
	}
	return nil
}

// tellPairs tells the arrays that wait child by child for this one that some of its children ended at once.
func (r *Releaser) tellPairs(ctx context.Context, array batch.Job) error {
	dependents, err := r.store.Dependents(ctx, array.ID)
	if err != nil {
		return err
	}
	for _, d := range dependents {
		if d.Type != batch.DependencyNToN {
			continue
		}
		if err := r.catchUp(ctx, d.ID); err != nil && !errors.Is(err, batch.ErrNotFound) {
			return err
		}
	}
	return nil
}

// endArray ends an array all of whose children have ended.
func (r *Releaser) endArray(ctx context.Context, id string) error {
	array, err := r.store.Job(ctx, id)
	if err != nil || array.Status.IsTerminal() {
		return err
	}
	if array.Children[batch.StatusSucceeded]+array.Children[batch.StatusFailed] < array.ArraySize {
		return nil
	}
	return r.step(ctx, id, lifecycle.ChildrenEnded{})
}

// catchUp is catchUpArray by id. It fails with batch.ErrNotFound.
func (r *Releaser) catchUp(ctx context.Context, id string) error {
	array, err := r.store.Job(ctx, id)
	if err != nil || !waitsChildByChild(array) {
		return err
	}
	return r.catchUpArray(ctx, array)
}

// catchUpArray tells each PENDING child of an array of the ends, so far, of what it waits for on its own.
func (r *Releaser) catchUpArray(ctx context.Context, array batch.Job) error {
	return r.pages(ctx, array, batch.StatusPending, func(children []batch.Job) error {
		var ids []string
		for _, child := range children {
			ids = append(ids, child.Unmet...)
		}
		ends, err := r.ends(ctx, ids)
		if err != nil {
			return err
		}
		return forEach(r.cfg.Parallel, children, func(child batch.Job) error { return r.tellChild(ctx, child, ends) })
	})
}

// tellChild tells a PENDING child of the ends of what it waits for; one that waits for nothing may run.
func (r *Releaser) tellChild(ctx context.Context, child batch.Job, ends map[string]lifecycle.DependencyEnded) error {
	if len(child.Unmet) == 0 {
		return r.step(ctx, child.ID, lifecycle.DependencyEnded{Succeeded: true})
	}
	for _, id := range child.Unmet {
		if end, ok := ends[id]; ok {
			if err := r.step(ctx, child.ID, end); err != nil {
				return err
			}
		}
	}
	return nil
}

// ends tells how those of the jobs ended that have. What is unknown was forgotten, or lost; nobody can wait for it any more.
func (r *Releaser) ends(ctx context.Context, ids []string) (map[string]lifecycle.DependencyEnded, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	jobs, err := r.store.Jobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]lifecycle.DependencyEnded, len(ids))
	for _, id := range ids {
		out[id] = lifecycle.DependencyEnded{JobID: id}
	}
	for _, job := range jobs {
		if out[job.ID] = ended(job); !job.Status.IsTerminal() {
			delete(out, job.ID)
		}
	}
	return out, nil
}

// concludeChild tells the children that wait for this one, its successor in a SEQUENTIAL array and its like in the arrays
// that wait N_TO_N, and ends the array with its last child.
func (r *Releaser) concludeChild(ctx context.Context, child batch.Job) error {
	ref, err := batch.ParseJobID(child.ID)
	if err != nil {
		return err
	}
	if isSequential(child) && ref.Child+1 < child.ArraySize {
		if err := r.tellLike(ctx, child, ref.Job, ref.Child+1); err != nil {
			return err
		}
	}
	dependents, err := r.store.Dependents(ctx, ref.Job)
	if err != nil {
		return err
	}
	for _, d := range dependents {
		if d.Type == batch.DependencyNToN {
			if err := r.tellLike(ctx, child, d.ID, ref.Child); err != nil {
				return err
			}
		}
	}
	return r.endArray(ctx, ref.Job)
}

func isSequential(job batch.Job) bool {
	return slices.ContainsFunc(job.DependsOn, func(d batch.Dependency) bool { return d.Type == batch.DependencySequential })
}

// tellLike tells one child of an array that a child which it waits for ended. An array that is not there yet, or that waits
// for something as a whole, catches up once it does not.
func (r *Releaser) tellLike(ctx context.Context, child batch.Job, arrayID string, index int) error {
	array, err := r.store.Job(ctx, arrayID)
	if errors.Is(err, batch.ErrNotFound) || err == nil && !waitsChildByChild(array) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.step(ctx, batch.ChildID(arrayID, index), ended(child))
}
