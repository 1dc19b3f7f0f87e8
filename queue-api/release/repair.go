// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// repairer is how far the slow pass got.
type repairer struct {
	pages  map[int]string // by queue: where to go on among its PENDING jobs
	holder string         // the last one looked at
	// idle are the holders whose attempt was not under way when they were looked at last. It may be about to be: they
	// give back only when it is so the next time, too.
	idle map[string]bool
}

// repair looks at some of each queue's PENDING jobs and of the holders of resources, for consequences that were not drawn: a
// registration that came too late, a record that was lost, an attempt that never came to be.
func (r *Releaser) repair(ctx context.Context) error {
	queues, err := r.store.Queues(ctx)
	if err != nil {
		return err
	}
	errs := []error{r.repairHolders(ctx)}
	for _, q := range queues {
		errs = append(errs, r.repairQueue(ctx, q.Number))
	}
	return errors.Join(errs...)
}

// repairQueue looks at a few pages of the PENDING jobs, the next ones in the next pass.
func (r *Releaser) repairQueue(ctx context.Context, queueNumber int) error {
	var errs []error
	for range maxPages {
		jobs, next, err := r.store.ListJobs(ctx, queueNumber, batch.StatusPending, r.repairer.pages[queueNumber], r.cfg.Batch)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, r.repairPending(ctx, jobs))
		r.repairer.pages[queueNumber] = next
		if next == "" {
			break
		}
	}
	return errors.Join(errs...)
}

// repairPending tells jobs of the ends of what they wait for, and concludes arrays that have something to conclude.
func (r *Releaser) repairPending(ctx context.Context, jobs []batch.Job) error {
	var unmet []string
	for i := range jobs {
		unmet = append(unmet, jobs[i].Unmet...)
	}
	ends, err := r.ends(ctx, unmet)
	if err != nil {
		return err
	}
	return forEach(r.cfg.Parallel, indexes(jobs), func(i int) error {
		job := jobs[i]
		if lifecycle.IsAdoptedArray(job) {
			return r.step(ctx, job.ID, lifecycle.GivenUp{After: r.cfg.Lost})
		}
		if err := r.tellMissed(ctx, job, ends); err != nil || !isOverdue(job) {
			return err
		}
		return r.concludeArray(ctx, job)
	})
}

func (r *Releaser) tellMissed(ctx context.Context, job batch.Job, ends map[string]lifecycle.DependencyEnded) error {
	for _, id := range job.Unmet {
		end, ok := ends[id]
		if !ok {
			continue
		}
		klog.FromContext(ctx).V(2).Info("Told job of an end that it may have missed", "job", job.ID, "on", id)
		if err := r.step(ctx, job.ID, end); err != nil {
			return err
		}
	}
	return nil
}

// isOverdue reports whether an array may have been left behind: it was stopped, all its children have ended, or those that
// have not wait one by one while none is on its way.
func isOverdue(job batch.Job) bool {
	ended := job.Children[batch.StatusSucceeded] + job.Children[batch.StatusFailed]
	switch {
	case !job.IsArray():
		return false
	case job.Rest != nil, ended == job.ArraySize:
		return true
	default:
		return len(job.Unmet) == 0 && ended+job.Children[batch.StatusPending] == job.ArraySize
	}
}

// repairHolders looks at one page of the holders of consumable resources.
func (r *Releaser) repairHolders(ctx context.Context) error {
	holders, err := r.store.ConsumableHolders(ctx)
	if err != nil {
		return err
	}
	maps.DeleteFunc(r.repairer.idle, func(holder string, _ bool) bool { return !slices.Contains(holders, holder) })
	page := pageAfter(holders, r.repairer.holder, r.cfg.Batch)
	r.repairer.holder = ""
	if len(page) > 0 {
		r.repairer.holder = page[len(page)-1]
	}
	var errs []error
	for _, holder := range page {
		if err := r.repairHolder(ctx, holder); err != nil {
			errs = append(errs, fmt.Errorf("repair holder %s: %w", holder, err))
		}
	}
	return errors.Join(errs...)
}

// pageAfter gives the sorted items after one, and begins anew after the last.
func pageAfter(items []string, after string, limit int) []string {
	from := 0
	if after != "" {
		if i, _ := slices.BinarySearch(items, after+"\x00"); i < len(items) {
			from = i
		}
	}
	return items[from:min(from+limit, len(items))]
}

// repairHolder takes resources back from an attempt that is over, or that never came to be.
func (r *Releaser) repairHolder(ctx context.Context, holder string) error {
	id, attempt, err := batch.ParseAttemptID(holder)
	if err != nil {
		return r.store.ReturnConsumables(ctx, holder, false)
	}
	job, err := r.store.Job(ctx, id)
	wasIdle := r.repairer.idle[holder]
	delete(r.repairer.idle, holder)
	switch {
	case errors.Is(err, batch.ErrNotFound): // forgotten, so it ended long ago
		return r.giveBack(ctx, holder, true)
	case err != nil:
		return err
	case attempt <= len(job.Attempts), job.Status.IsTerminal():
		return r.giveBack(ctx, holder, isSpent(job, attempt))
	case isUnderWay(job, attempt):
		return nil
	case !wasIdle:
		r.repairer.idle[holder] = true
		return nil
	}
	if err := r.giveBack(ctx, holder, false); err != nil {
		return err
	}
	return r.takeAgain(ctx, holder, id, attempt)
}

func isUnderWay(job batch.Job, attempt int) bool {
	return job.Current != nil && job.Current.Number == attempt
}

func (r *Releaser) giveBack(ctx context.Context, holder string, spent bool) error {
	if err := r.store.ReturnConsumables(ctx, holder, spent); err != nil {
		return err
	}
	r.dispatcher.Wake()
	return nil
}

// takeAgain gives the holder what it had, if its job was admitted at that very moment.
func (r *Releaser) takeAgain(ctx context.Context, holder, id string, attempt int) error {
	job, err := r.store.Job(ctx, id)
	if errors.Is(err, batch.ErrNotFound) || err == nil && !isUnderWay(job, attempt) {
		return nil
	}
	if err != nil {
		return err
	}
	short, err := r.store.TakeConsumables(ctx, holder, job.Consumables)
	if err == nil && short != "" {
		klog.FromContext(ctx).Info("An attempt runs without its consumable resource", "job", id, "resource", short)
	}
	return err
}
