// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/fairshare"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// failures are the admitted jobs for which no node could be launched, and where. It is memory only: whoever leads next
// learns from the autoscaler's Events what it must know of admitted jobs, and of the others from its reports.
type failures struct {
	mu     sync.Mutex // guards the rest
	jobs   map[string]*failure
	before map[string]time.Time // by environment: when machines were last wanting, of all that a predecessor knew
	fresh  bool                 // noted since looked
	looked time.Time            // when somebody last looked after them
}

// failure is what became of one job's admissions.
type failure struct {
	code  string               // that of the latest
	since time.Time            // of the first with that code, in whichever environment
	at    map[string]time.Time // by environment: the latest
}

// note remembers that the job's environment has no room for it.
func (f *failures) note(job batch.Job, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.jobs == nil {
		f.jobs = map[string]*failure{}
	}
	j := f.jobs[job.ID]
	if j == nil {
		j = &failure{at: map[string]time.Time{}}
		f.jobs[job.ID] = j
	}
	if code := lifecycle.BlockedCode(job.StatusReason); j.code != code {
		j.code, j.since = code, now
	}
	j.at[job.Current.ComputeEnvironment] = now
	f.fresh = true
}

// learn takes over, at the first round, where machines were wanting under the leader before.
func (f *failures) learn(environments map[string]batch.ComputeEnvironment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.before != nil {
		return
	}
	f.before = map[string]time.Time{}
	for name, e := range environments {
		if e.Report != nil && !e.Report.ShortAt.IsZero() {
			f.before[name] = e.Report.ShortAt
		}
	}
}

// last is when the job last failed in an environment. One that waited while machines were wanting there is taken to have.
// It is called with mu held.
func (f *failures) last(job batch.Job, environment string) time.Time {
	if j := f.jobs[job.ID]; j != nil {
		if at, ok := j.at[environment]; ok {
			return at
		}
	}
	if at := f.before[environment]; job.CreatedAt.Before(at) {
		return at
	}
	return time.Time{}
}

// forget drops jobs that have a node or have ended.
func (f *failures) forget(ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		delete(f.jobs, id)
	}
}

// due gives the jobs' ids in order, if one was noted since the last time or that is long ago.
func (f *failures) due(now time.Time, every time.Duration) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.fresh && now.Sub(f.looked) < every {
		return nil
	}
	f.fresh, f.looked = false, now
	return slices.Sorted(maps.Keys(f.jobs))
}

// of tells since when an admitted job has been failing for the reason that it fails for now, and whether it failed where it
// is.
func (f *failures) of(job batch.Job) (since time.Time, here bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.jobs[job.ID]
	if j == nil {
		return time.Time{}, false
	}
	at, ok := j.at[job.Current.ComputeEnvironment]
	return j.since, ok && !at.Before(job.Current.AdmittedAt)
}

// open are the budgets of the environments in which the job did not fail after the given time.
func (f *failures) open(job batch.Job, budgets []*fairshare.Budget, after time.Time) []*fairshare.Budget {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.jobs[job.ID] == nil && len(f.before) == 0 {
		return budgets
	}
	return slices.DeleteFunc(slices.Clone(budgets), func(b *fairshare.Budget) bool { return f.last(job, b.Name).After(after) })
}

// NoCapacity is told of an admitted job for which no node can be launched. It does not block.
func (d *Dispatcher) NoCapacity(job batch.Job) {
	if job.Current == nil || job.Status != batch.StatusRunnable {
		return
	}
	d.failures.note(job, d.cfg.Clock.Now())
	d.Wake()
}

// relocate looks after the jobs for which no node could be launched: one that a time limit of its queue ends, AWS Batch:
// for being blocked so long, is cancelled; one for which another environment of its queue has room is withdrawn, to wait
// and be admitted there. An environment is tried once in CapacityBackoff. AWS Batch: a multi-node job stays.
func (d *Dispatcher) relocate(ctx context.Context, r *round) error {
	ids := d.failures.due(d.cfg.Clock.Now(), d.cfg.Tick)
	if len(ids) == 0 {
		return nil
	}
	jobs, err := d.store.Jobs(ctx, ids)
	if err != nil {
		return err
	}
	var errs []error
	runnable := make(map[string]bool, len(jobs))
	for _, job := range jobs {
		runnable[job.ID] = job.Status == batch.StatusRunnable
		if runnable[job.ID] && job.Current != nil {
			errs = append(errs, d.relocateOne(ctx, job, r))
		}
	}
	d.failures.forget(slices.DeleteFunc(ids, func(id string) bool { return runnable[id] }))
	return errors.Join(errs...)
}

func (d *Dispatcher) relocateOne(ctx context.Context, job batch.Job, r *round) error {
	since, here := d.failures.of(job)
	q, ok := r.queues[job.Queue]
	pods, reached := d.clusters.Pods(job.Current.Cluster)
	if !ok || !here || !reached {
		return nil
	}
	job.BlockedAt = since // not of this environment alone
	if cancelled, err := d.limit(ctx, q, job); cancelled || err != nil || job.IsMultiNode() || batchmeta.IsPaused(q.Tags) {
		return err // a job of a paused queue that is withdrawn would not be admitted elsewhere
	}
	for _, b := range d.failures.open(job, r.budgetsOf(q), d.retryAfter()) {
		if b.Name != job.Current.ComputeEnvironment && b.Holds(job.Requests.MilliVCPU) {
			klog.FromContext(ctx).V(2).Info("No capacity; another compute environment is tried", "job", job.ID,
				"computeEnvironment", job.Current.ComputeEnvironment, "next", b.Name, "reason", job.StatusReason)
			b.Milli -= job.Requests.MilliVCPU // kept for it in this round
			d.cfg.Metrics.move()
			return pods.Withdraw(ctx, job.Current.PodNamespace, job.Current.PodName)
		}
	}
	return nil
}

// retryAfter is since when a failure keeps a job out of an environment.
func (d *Dispatcher) retryAfter() time.Time { return d.cfg.Clock.Now().Add(-d.cfg.CapacityBackoff) }

// limit cancels a job that has been blocked for longer than its queue's jobStateTimeLimitActions allow.
func (d *Dispatcher) limit(ctx context.Context, q batch.JobQueue, job batch.Job) (cancelled bool, err error) {
	reason, after := lifecycle.TimeLimit(q.JobStateTimeLimitActions, job, d.cfg.Clock.Now())
	if reason == "" || after > 0 {
		return false, nil
	}
	klog.FromContext(ctx).V(2).Info("Job is cancelled by a time limit of its queue", "job", job.ID, "jobQueue", q.Name, "reason", reason)
	return true, d.step(ctx, job.ID, lifecycle.Cancelled{Reason: reason})
}
