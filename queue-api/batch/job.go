// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"encoding/json"
	"time"
)

// Job is one job as its queue keeps it.
type Job struct {
	// What was submitted; never changes.

	ID         string        // see NewJobID
	Name       string        // AWS Batch: 1 to 128 of [A-Za-z0-9_-], first alphanumeric
	Queue      string        // the queue's name
	Definition DefinitionRef // resolved at submission
	CreatedAt  time.Time
	Parameters map[string]string // submitted over the definition's, merged
	Tags       map[string]string
	// ContainerOverrides and EKSOverrides are SubmitJob's containerOverrides and eksPropertiesOverride as sent; at most
	// one is set.
	ContainerOverrides json.RawMessage
	EKSOverrides       json.RawMessage
	RetryStrategy      *RetryStrategy // submitted, else the definition's
	Timeout            time.Duration  // of an attempt, from its start; 0 is none. AWS Batch: at least 60 s
	PropagateTags      *bool
	Requests           Requests // of the whole job, overrides applied

	// What changes; only through lifecycle.Step.

	Status       JobStatus
	StatusReason string
	StartedAt    time.Time // of the latest attempt; zero until the first RUNNING
	StoppedAt    time.Time // Invariant: set if and only if Status is terminal.
	// Current is the admitted attempt that has not ended; nil when there is none.
	// Invariant: Current.Number == len(Attempts)+1.
	Current *Attempt
	// Attempts are the ended attempts, oldest first.
	Attempts []Attempt
	// Stop is set once the job was asked to stop; such a job is never retried.
	Stop *Stop

	// Version counts the writes of the record; the store compares and increments it.
	Version int64
}

// MaxAttempts is how many times the job may run. AWS Batch: attempts is 1 to 10, default 1.
func (j *Job) MaxAttempts() int {
	if j.RetryStrategy == nil || j.RetryStrategy.Attempts < 1 {
		return 1
	}
	return j.RetryStrategy.Attempts
}

// IsWaiting reports whether the job may be admitted: RUNNABLE without an attempt under way.
func (j *Job) IsWaiting() bool { return j.Status == StatusRunnable && j.Current == nil }

// Attempt is one run of a job: one pod.
type Attempt struct {
	Number             int    // from 1
	ComputeEnvironment string // name
	PodName            string
	PodNamespace       string
	NodeName           string // empty until bound
	InstanceID         string // of the node; empty until bound
	StartedAt          time.Time
	StoppedAt          time.Time
	StatusReason       string
	Containers         []ContainerOutcome
	InitContainers     []ContainerOutcome
}

// ContainerOutcome is how a container of an attempt ended.
type ContainerOutcome struct {
	Name        string
	ContainerID string
	ExitCode    *int   // nil when the container never reported one, as on a lost node
	Reason      string // Kubernetes' terminated.reason, or AWS Batch's "CannotPullContainerError: …"
}

// StopKind says who stopped a job.
type StopKind string

// The kinds of stop.
const (
	StopCancelled  StopKind = "CANCELLED"
	StopTerminated StopKind = "TERMINATED"
	StopTimedOut   StopKind = "TIMED_OUT"
)

// Stop is a request to end a job; the job fails with its Reason.
type Stop struct {
	Kind   StopKind
	Reason string
}

// Requests are the resources that count against a compute environment.
type Requests struct {
	MilliVCPU int64
	MemoryMiB int64
	GPU       int64
}

// RetryStrategy says how often and after which failures a job is tried again.
type RetryStrategy struct {
	Attempts       int // AWS Batch: 1 to 10
	EvaluateOnExit []EvaluateOnExit
}

// EvaluateOnExit is one rule of a retry strategy: every given pattern must match. Patterns are exact, or a prefix when
// they end in an asterisk.
type EvaluateOnExit struct {
	OnStatusReason string
	OnReason       string
	OnExitCode     string
	Action         string // RETRY or EXIT in any case, echoed as sent
}
