// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Ended says that no container of the attempt runs any more, and how it went.
type Ended struct {
	Attempt int
	// Succeeded is true if every container ended with exit code 0.
	Succeeded bool
	// StatusReason is ReasonExited, ReasonStartFailed or HostTerminated(…).
	StatusReason   string
	StoppedAt      time.Time // zero means now
	Containers     []batch.ContainerOutcome
	InitContainers []batch.ContainerOutcome
}

func (ev Ended) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if ev.Attempt <= len(job.Attempts) || job.Status.IsTerminal() {
		return job, []Effect{ReleasePod}, nil // settled before
	}
	if !isCurrent(job, ev.Attempt) {
		return job, nil, illegal(job, ev)
	}
	done := ev.close(*job.Current, job.Stop, now)
	job.Attempts = append(job.Attempts, done)
	job.Current = nil
	effects := []Effect{ReleasePod, Dispatch}
	switch {
	case job.Stop != nil:
		return fail(job, job.Stop.Reason, done.StoppedAt), effects, nil
	case ev.Succeeded && done.StatusReason == ev.StatusReason:
		job.Status, job.StatusReason, job.StoppedAt = batch.StatusSucceeded, done.StatusReason, done.StoppedAt
		return job, effects, nil
	case len(job.Attempts) < job.MaxAttempts() && retries(job.RetryStrategy, done):
		job.Status, job.StatusReason = batch.StatusRunnable, ""
		return job, effects, nil
	default:
		return fail(job, done.StatusReason, done.StoppedAt), effects, nil
	}
}

// close completes the attempt's record. Invariant: StoppedAt is never before StartedAt.
func (ev Ended) close(a batch.Attempt, stop *batch.Stop, now time.Time) batch.Attempt {
	a.StoppedAt = ev.StoppedAt
	if a.StoppedAt.IsZero() {
		a.StoppedAt = now
	}
	if a.StoppedAt.Before(a.StartedAt) {
		a.StoppedAt = a.StartedAt
	}
	if a.StatusReason == "" { // else StartFailed knew better
		a.StatusReason = ev.StatusReason
		a.Containers, a.InitContainers = ev.Containers, ev.InitContainers
	}
	if stop != nil {
		a.StatusReason = stop.Reason
	}
	return a
}
