// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Status reasons in AWS Batch's words; clients compare some of them for equality.
const (
	ReasonTimedOut     = "Job attempt duration exceeded timeout"
	ReasonExited       = "Essential container in task exited"
	ReasonStartFailed  = "Task failed to start"
	ReasonQueueDeleted = "JobQueue deleted"
	// ReasonOutOfMemory is what a container job says where Kubernetes says OOMKilled.
	ReasonOutOfMemory = "OutOfMemoryError: Container killed due to memory usage"
)

// HostTerminated is the reason of an attempt whose node went away; Spot-aware clients look for it.
func HostTerminated(instanceID string) string {
	return "Host EC2 (instance " + instanceID + ") terminated."
}

// Event is something that happened to a job. The events of this package are all there are.
type Event interface {
	apply(job batch.Job, now time.Time) (batch.Job, []Effect, error)
}

var (
	_ Event = Cancelled{}
	_ Event = Terminated{}
	_ Event = Blocked{}
	_ Event = Admitted{}
	_ Event = Withdrawn{}
	_ Event = Bound{}
	_ Event = Started{}
	_ Event = Rejected{}
	_ Event = StartFailed{}
	_ Event = TimedOut{}
	_ Event = Ended{}
)

// Cancelled is CancelJob. AWS Batch: a job that has not reached STARTING fails with the caller's reason; any other is left alone.
type Cancelled struct{ Reason string }

func (ev Cancelled) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	switch job.Status {
	case batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable:
		job.Stop = &batch.Stop{Kind: batch.StopCancelled, Reason: ev.Reason}
		return stopWaiting(job, now)
	case batch.StatusStarting, batch.StatusRunning, batch.StatusSucceeded, batch.StatusFailed:
	}
	return job, nil, nil
}

// Terminated is TerminateJob. AWS Batch: as CancelJob before STARTING; a job that is STARTING or RUNNING is stopped and
// fails with the caller's reason, whatever its containers say, and is not retried.
type Terminated struct{ Reason string }

func (ev Terminated) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	switch job.Status {
	case batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable:
		job.Stop = &batch.Stop{Kind: batch.StopTerminated, Reason: ev.Reason}
		return stopWaiting(job, now)
	case batch.StatusStarting, batch.StatusRunning:
		if job.Stop != nil {
			return job, nil, nil
		}
		job.Stop = &batch.Stop{Kind: batch.StopTerminated, Reason: ev.Reason}
		return job, []Effect{StopPod}, nil
	case batch.StatusSucceeded, batch.StatusFailed:
	}
	return job, nil, nil
}

// stopWaiting fails a job none of whose containers has run yet.
func stopWaiting(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	var effects []Effect
	if job.Current != nil {
		effects = []Effect{StopPod, Dispatch}
	}
	return fail(job, job.Stop.Reason, now), effects, nil
}

// Blocked tells why a RUNNABLE job cannot start, in AWS Batch's "CODE:DETAIL - sentence" form; an empty Reason clears it.
type Blocked struct{ Reason string }

func (ev Blocked) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	if job.Status == batch.StatusRunnable {
		job.StatusReason = ev.Reason
	}
	return job, nil, nil
}

// Admitted gives a waiting job its next attempt. The status stays RUNNABLE: AWS Batch says STARTING once a node is chosen.
type Admitted struct {
	ComputeEnvironment string
	PodName            string
	PodNamespace       string
}

func (ev Admitted) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	if !job.IsWaiting() {
		return job, nil, illegal(job, ev)
	}
	job.StatusReason = ""
	job.Current = &batch.Attempt{
		Number:             len(job.Attempts) + 1,
		ComputeEnvironment: ev.ComputeEnvironment,
		PodName:            ev.PodName,
		PodNamespace:       ev.PodNamespace,
	}
	return job, nil, nil
}

// Withdrawn takes an admission back before a node was chosen; no attempt is used up. The pod must be gone already.
type Withdrawn struct {
	Attempt int
	// Reason becomes the statusReason of the waiting job; may be empty.
	Reason string
}

func (ev Withdrawn) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusRunnable || !isCurrent(job, ev.Attempt) {
		return job, nil, nil
	}
	job.Current, job.StatusReason = nil, ev.Reason
	return job, []Effect{Dispatch}, nil
}

// Bound says that the attempt's pod has a node.
type Bound struct {
	Attempt    int
	NodeName   string
	InstanceID string
}

func (ev Bound) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusRunnable || !isCurrent(job, ev.Attempt) {
		return job, nil, nil
	}
	job.Status, job.StatusReason = batch.StatusStarting, ""
	job.Current.NodeName, job.Current.InstanceID = ev.NodeName, ev.InstanceID
	return job, nil, nil
}

// Started says that the attempt's containers run.
type Started struct {
	Attempt int
	At      time.Time
}

func (ev Started) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusStarting || !isCurrent(job, ev.Attempt) {
		return job, nil, nil
	}
	job.Status, job.StartedAt, job.Current.StartedAt = batch.StatusRunning, ev.At, ev.At
	return job, nil, nil
}

// Rejected says that the attempt's pod, admitted or about to be, can never be made for what is in it. AWS Batch: a job
// whose definition is invalid fails and is not retried.
type Rejected struct {
	Attempt int
	Reason  string
}

func (ev Rejected) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusRunnable || len(job.Attempts)+1 != ev.Attempt {
		return job, nil, nil
	}
	return fail(job, ev.Reason, now), []Effect{Dispatch}, nil
}

// StartFailed says that the attempt's containers cannot start, as when an image cannot be pulled. The attempt ends, with
// this reason whatever its containers say, once its pod is stopped.
type StartFailed struct {
	Attempt   int
	Container string
	// Reason is the container's, in AWS Batch's form: "CannotPullContainerError: …".
	Reason string
}

func (ev StartFailed) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusStarting || !isCurrent(job, ev.Attempt) || job.Current.StatusReason != "" {
		return job, nil, nil
	}
	job.Current.StatusReason = ReasonStartFailed
	job.Current.Containers = []batch.ContainerOutcome{{Name: ev.Container, Reason: ev.Reason}}
	return job, []Effect{StopPod}, nil
}

// TimedOut says that the attempt ran longer than the job's timeout. AWS Batch: the job fails and is not retried.
type TimedOut struct{ Attempt int }

func (ev TimedOut) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	if job.Status != batch.StatusRunning || job.Stop != nil || !isCurrent(job, ev.Attempt) {
		return job, nil, nil
	}
	job.Stop = &batch.Stop{Kind: batch.StopTimedOut, Reason: ReasonTimedOut}
	return job, []Effect{StopPod}, nil
}

func isCurrent(job batch.Job, attempt int) bool {
	return job.Current != nil && job.Current.Number == attempt
}
