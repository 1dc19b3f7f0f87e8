// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// ErrIllegalTransition says that an event does not fit the job's state: a bug, or a record that was tampered with.
var ErrIllegalTransition = errors.New("illegal transition")

// moves are the legal changes of status, RUNNABLE to itself aside.
var moves = map[batch.JobStatus][]batch.JobStatus{
	batch.StatusSubmitted: {batch.StatusPending, batch.StatusRunnable, batch.StatusFailed},
	batch.StatusPending:   {batch.StatusRunnable, batch.StatusFailed},
	batch.StatusRunnable:  {batch.StatusStarting, batch.StatusFailed},
	batch.StatusStarting:  {batch.StatusRunnable, batch.StatusRunning, batch.StatusFailed},
	batch.StatusRunning:   {batch.StatusRunnable, batch.StatusSucceeded, batch.StatusFailed},
	batch.StatusSucceeded: {},
	batch.StatusFailed:    {},
}

// Effect is what must be done in the cluster after the store accepted the new job. Effects are hints: a reconcile finds
// them again from the job and its pods.
type Effect int

// The effects.
const (
	// StopPod deletes the current attempt's pod with its grace period.
	StopPod Effect = iota + 1
	// ReleasePod lets the pod of the event's attempt go: its outcome is durable.
	ReleasePod
	// Dispatch wakes the dispatcher: the job waits again or gave its budget back.
	Dispatch
)

// Step applies ev to job. It returns the job that follows and what must be done about it.
// It does no I/O and reads no clock; the job given is not modified.
func Step(job batch.Job, ev Event, now time.Time) (batch.Job, []Effect, error) {
	next, effects, err := ev.apply(clone(job), now.UTC().Truncate(time.Millisecond))
	if err != nil {
		return job, nil, err
	}
	if next.Status != job.Status && !slices.Contains(moves[job.Status], next.Status) {
		return job, nil, fmt.Errorf("job %s: %s to %s by %T: %w", job.ID, job.Status, next.Status, ev, ErrIllegalTransition)
	}
	return next, effects, nil
}

// clone copies what the events write to.
func clone(job batch.Job) batch.Job {
	job.Attempts = slices.Clone(job.Attempts)
	if job.Current != nil {
		current := *job.Current
		job.Current = &current
	}
	return job
}

// fail ends the job for good.
func fail(job batch.Job, reason string, now time.Time) batch.Job {
	job.Status, job.StatusReason, job.StoppedAt, job.Current = batch.StatusFailed, reason, now, nil
	return job
}

func illegal(job batch.Job, ev Event) error {
	return fmt.Errorf("job %s: %T in %s: %w", job.ID, ev, job.Status, ErrIllegalTransition)
}
