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

// arrayMoves are those of an array's parent, which follows its children.
var arrayMoves = map[batch.JobStatus][]batch.JobStatus{
	batch.StatusSubmitted: {batch.StatusPending},
	batch.StatusPending:   {batch.StatusSucceeded, batch.StatusFailed},
}

func isLegal(job, next batch.Job) bool {
	table := moves
	if job.IsArray() {
		table = arrayMoves
	}
	return next.Status == job.Status || slices.Contains(table[job.Status], next.Status)
}

// Effect is what must be done in the cluster after the store accepted the new job. Effects are hints: a reconcile finds
// them again from the job and its pods.
type Effect int

// The effects.
const (
	// StopPod deletes the attempt's pods with their grace period; the node's pod only, if the event is of a node that does
	// not decide its job.
	StopPod Effect = iota + 1
	// ReleasePod lets the event's pod go: its outcome is durable.
	ReleasePod
	// Dispatch wakes the dispatcher: the job waits again or gave its budget back.
	Dispatch
)

// Step applies ev to job. It returns the job that follows and what must be done about it.
// It does no I/O and reads no clock; the job given is not modified.
func Step(job batch.Job, ev Event, now time.Time) (batch.Job, []Effect, error) {
	next, effects, _, err := StepThrough(job, []Event{ev}, now)
	return next, effects, err
}

// StepThrough applies events in their order, up to and with the first that changes the job's status: every status is worth
// a write of its own, what happens in between is not. It returns how many it applied and the effects of them all, each
// once. An error leaves the job as it was.
func StepThrough(job batch.Job, evs []Event, now time.Time) (next batch.Job, effects []Effect, applied int, err error) {
	now = now.UTC().Truncate(time.Millisecond)
	next = clone(job)
	for _, ev := range evs {
		var more []Effect
		next, more, err = ev.apply(next, now)
		if err != nil {
			return job, nil, 0, err
		}
		if !isLegal(job, next) {
			return job, nil, 0, fmt.Errorf("job %s: %s to %s by %T: %w", job.ID, job.Status, next.Status, ev, ErrIllegalTransition)
		}
		for _, e := range more {
			if !slices.Contains(effects, e) {
				effects = append(effects, e)
			}
		}
		applied++
		if next.Status != job.Status {
			break
		}
	}
	return next, effects, applied, nil
}

// clone copies what the events write to.
func clone(job batch.Job) batch.Job {
	job.Attempts = slices.Clone(job.Attempts)
	if job.Current != nil {
		current := *job.Current
		current.Nodes = slices.Clone(current.Nodes)
		job.Current = &current
	}
	return job
}

// fail ends the job for good.
func fail(job batch.Job, reason string, now time.Time) batch.Job {
	job.Status, job.StatusReason, job.StoppedAt, job.Current = batch.StatusFailed, reason, now, nil
	job.BlockedAt = time.Time{}
	return job
}

func illegal(job batch.Job, ev Event) error {
	return fmt.Errorf("job %s: %T in %s: %w", job.ID, ev, job.Status, ErrIllegalTransition)
}
