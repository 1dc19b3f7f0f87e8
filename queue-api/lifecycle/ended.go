// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Ended says that no container of a pod of the attempt runs any more, and how it went. The main node's end is the
// attempt's; any other node's is only its own.
type Ended struct {
	Attempt int
	Node    int // index of a multi-node job's node, else 0
	// Succeeded is true if every container ended with exit code 0.
	Succeeded bool
	// Preempted is true if the pod was ended for work of higher rank, or never began because it was bound to a node that had
	// been given up. An attempt that did not succeed all the same is made again, and does not count.
	Preempted bool
	// Lost is true if the pod did not end by itself: its host is gone, or somebody deleted it.
	Lost bool
	// StatusReason is ReasonExited, ReasonStartFailed, ReasonPreempted or HostTerminated(…).
	StatusReason   string
	StoppedAt      time.Time // zero means now
	Containers     []batch.ContainerOutcome
	InitContainers []batch.ContainerOutcome
}

func (ev Ended) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if ev.Attempt <= len(job.Attempts) || job.Status.IsTerminal() {
		return job, []Effect{ReleasePod}, nil // settled before
	}
	if n := otherNode(job, ev.Attempt, ev.Node); n != nil {
		if next, effects, ok := ev.lose(job, n, now); ok {
			return next, effects, nil
		}
		if n.StoppedAt.IsZero() {
			done := ev.close(attemptOf(*n), job.Stop, now)
			closeNode(n, done, ev.outcome(done))
		}
		return job, []Effect{ReleasePod}, nil
	}
	if !decides(job, ev.Attempt, ev.Node) {
		return job, nil, illegal(job, ev)
	}
	done := ev.close(*job.Current, job.Stop, now)
	outcome := ev.outcome(done)
	effects := []Effect{ReleasePod, Dispatch}
	if job.IsMultiNode() {
		closeNodes(&done, job.MainNode, outcome)
		effects = append(effects, StopPod)
	}
	job.Attempts = append(job.Attempts, done)
	job.Current = nil
	switch {
	case job.Stop != nil:
		return fail(job, job.Stop.Reason, done.StoppedAt), effects, nil
	case outcome == batch.StatusSucceeded:
		job.Status, job.StatusReason, job.StoppedAt = batch.StatusSucceeded, done.StatusReason, done.StoppedAt
		return job, effects, nil
	case done.Preempted, job.CountedAttempts() < job.MaxAttempts() && retries(job.RetryStrategy, done):
		job.Status, job.StatusReason = batch.StatusRunnable, ""
		return job, effects, nil
	default:
		return fail(job, done.StatusReason, done.StoppedAt), effects, nil
	}
}

// outcome is how what was closed went: it succeeded unless something knew better than its containers.
func (ev Ended) outcome(done batch.Attempt) batch.JobStatus {
	if ev.Succeeded && done.StatusReason == ev.StatusReason {
		return batch.StatusSucceeded
	}
	return batch.StatusFailed
}

// close completes the record of an attempt or a node. Invariant: StoppedAt is never before StartedAt.
func (ev Ended) close(a batch.Attempt, stop *batch.Stop, now time.Time) batch.Attempt {
	a.StoppedAt = ev.StoppedAt
	if a.StoppedAt.IsZero() {
		a.StoppedAt = now
	}
	a.StoppedAt = later(a.StoppedAt, a.StartedAt)
	if a.StatusReason == "" { // else StartFailed knew better
		a.StatusReason = ev.StatusReason
		a.Containers, a.InitContainers = ev.Containers, ev.InitContainers
	}
	if stop != nil {
		a.StatusReason = stop.Reason
	}
	a.Preempted = ev.Preempted && !ev.Succeeded && a.StatusReason == ev.StatusReason
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
