// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// stopArray asks an array to stop. Its status follows by ChildrenEnded. A termination outdoes a cancellation: it stops
// children that run, too.
func stopArray(job batch.Job, stop batch.Stop, now time.Time) batch.Job {
	switch {
	case job.Status.IsTerminal():
	case job.Stop == nil && job.Rest != nil: // its dependency failed, and all children with it
	case job.Stop == nil:
		job.Stop, job.Rest = &stop, &batch.Rest{Reason: stop.Reason, StoppedAt: now}
	case job.Stop.Kind == batch.StopCancelled && stop.Kind == batch.StopTerminated:
		job.Stop = &stop
	}
	return job
}

// DependencyEnded says how a job or child ended that this one waits for. AWS Batch: when all succeeded the job may run;
// when one failed it fails. It changes nothing in a job that does not wait for JobID.
//
// A PENDING child that waits for nothing of its own, as the first of a SEQUENTIAL array, is let go by a success with an
// empty JobID.
type DependencyEnded struct {
	JobID     string
	Succeeded bool
}

func (ev DependencyEnded) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	waits := slices.Contains(job.Unmet, ev.JobID)
	switch {
	case job.Status != batch.StatusPending, job.Rest != nil:
		return job, nil, nil
	case ev.Succeeded:
		return ev.meet(job, waits)
	case !waits:
		return job, nil, nil
	case job.IsArray():
		job.Rest = &batch.Rest{Reason: ReasonDependencyFailed, StoppedAt: now}
		return job, nil, nil
	default:
		return fail(job, ReasonDependencyFailed, now), nil, nil
	}
}

// meet strikes the dependency off. An array stays PENDING; its children may run once it waits for nothing.
func (ev DependencyEnded) meet(job batch.Job, waits bool) (batch.Job, []Effect, error) {
	if !waits && (job.IsArray() || len(job.Unmet) > 0) {
		return job, nil, nil
	}
	job.Unmet = slices.DeleteFunc(slices.Clone(job.Unmet), func(id string) bool { return id == ev.JobID })
	if len(job.Unmet) > 0 {
		return job, nil, nil
	}
	job.Unmet = nil
	if !job.IsArray() {
		job.Status = batch.StatusRunnable
	}
	return job, []Effect{Dispatch}, nil
}

// ChildrenEnded says that every child of an array has ended; Children tells how. AWS Batch: the array succeeds if all of
// them did. It changes nothing while one has not ended.
type ChildrenEnded struct{}

func (ev ChildrenEnded) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	succeeded := job.Children[batch.StatusSucceeded]
	switch {
	case !job.IsArray(), job.Status.IsTerminal(), succeeded+job.Children[batch.StatusFailed] < job.ArraySize:
		return job, nil, nil
	case succeeded == job.ArraySize:
		job.Status, job.StatusReason, job.StoppedAt = batch.StatusSucceeded, "", now
		return job, nil, nil
	case job.Stop != nil:
		return fail(job, job.Stop.Reason, now), nil, nil
	case job.Rest != nil:
		return fail(job, job.Rest.Reason, now), nil, nil
	default:
		return fail(job, ReasonChildFailed, now), nil, nil
	}
}
