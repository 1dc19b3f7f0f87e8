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
	// ContainerOverrides, EKSOverrides, ECSOverrides and NodeOverrides are SubmitJob's containerOverrides,
	// eksPropertiesOverride, ecsPropertiesOverride and nodeOverrides as sent; at most one is set.
	ContainerOverrides json.RawMessage
	EKSOverrides       json.RawMessage
	ECSOverrides       json.RawMessage
	NodeOverrides      json.RawMessage
	RetryStrategy      *RetryStrategy // submitted, else the definition's
	Timeout            time.Duration  // of an attempt, from its start; 0 is none. AWS Batch: at least 60 s
	PropagateTags      *bool
	Requests           Requests // of the whole job, overrides applied; of each child of an array, of all nodes of a multi-node job
	// ShareIdentifier is the job's share of a fair-share queue; empty in a FIFO queue.
	ShareIdentifier string
	// SchedulingPriority orders a share's jobs, higher first. AWS Batch: 0 to 9999; the override, else the definition's.
	SchedulingPriority int
	// DependsOn is as submitted.
	DependsOn []Dependency
	// Consumables are what one attempt takes of consumable resources, the override applied, names resolved.
	Consumables []ConsumableRequirement
	// ArraySize is the number of children of an array job; 0 for any other. A child has its parent's.
	ArraySize int
	// ArrayIndex is set for a child of an array job only; its ID is then ChildID(parent's ID, *ArrayIndex).
	ArrayIndex *int
	// NumNodes is the number of nodes of a multi-node parallel job, overrides applied; 0 for any other job.
	NumNodes int
	// MainNode is the index of the node that decides a multi-node job.
	MainNode int

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
	// Unmet are the ids, of jobs or of array children, whose success the job still waits for; see Dependency. Invariant:
	// a PENDING job that is no array has some; an array whose Unmet is not empty has no child beyond PENDING.
	Unmet []string
	// BlockedAt is when StatusReason last took another code; zero while the job is RUNNABLE for no special reason.
	BlockedAt time.Time
	// Children counts an array's children by status. The store keeps it; nil for any other job.
	Children map[JobStatus]int
	// Spent is what the attempts of an array's children cost that ended. The store keeps it; zero for any other job.
	Spent Cost
	// Rest is what became of the children of an array that had no record of their own when the array was stopped or its
	// dependency failed: they all FAILED with it, at once.
	Rest *Rest

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

// CountedAttempts is how many of the attempts that ended count against MaxAttempts. Those that were preempted do not: nothing
// of their own failed.
func (j *Job) CountedAttempts() int {
	n := 0
	for i := range j.Attempts {
		if !j.Attempts[i].Preempted {
			n++
		}
	}
	return n
}

// IsWaiting reports whether the job may be admitted: RUNNABLE without an attempt under way. An array is not; its children are.
func (j *Job) IsWaiting() bool { return j.Status == StatusRunnable && j.Current == nil && !j.IsArray() }

// IsArray reports whether the job is the parent of an array.
func (j *Job) IsArray() bool { return j.ArraySize > 0 && j.ArrayIndex == nil }

// IsChild reports whether the job is a child of an array.
func (j *Job) IsChild() bool { return j.ArrayIndex != nil }

// IsMultiNode reports whether the job is a multi-node parallel one.
func (j *Job) IsMultiNode() bool { return j.NumNodes > 0 }

// Attempt is one run of a job: one pod.
type Attempt struct {
	Number             int    // from 1
	ComputeEnvironment string // name
	// Cluster is the ARN of the registered cluster that the attempt's pods are in, as the environment had it when the attempt
	// was admitted; empty for the home cluster.
	Cluster      string `json:",omitempty"`
	PodName      string
	PodNamespace string
	NodeName     string    // empty until bound
	InstanceID   string    // of the node; empty until bound
	Host         *Host     `json:",omitempty"` // nil until bound, and where nothing is known of the node; never changed
	AdmittedAt   time.Time `json:",omitzero"`
	StartedAt    time.Time
	StoppedAt    time.Time
	StatusReason string
	// Preempted is set when the attempt ended for work of higher rank, or was sent to a node that had been given up. It is none
	// of those that the job may have.
	Preempted      bool `json:",omitempty"`
	Containers     []ContainerOutcome
	InitContainers []ContainerOutcome
	// Nodes are the pods of a multi-node attempt by node index, nil for any other job. The members above are then the
	// main node's.
	Nodes []NodeAttempt `json:",omitempty"`
}

// NodeAttempt is one node of a multi-node attempt: one pod.
type NodeAttempt struct {
	Status         JobStatus // RUNNABLE, STARTING, RUNNING, SUCCEEDED or FAILED
	PodName        string
	NodeName       string // empty until bound
	InstanceID     string // of the node; empty until bound
	Host           *Host  `json:",omitempty"` // as an Attempt's
	StartedAt      time.Time
	StoppedAt      time.Time
	StatusReason   string
	Containers     []ContainerOutcome
	InitContainers []ContainerOutcome
	Replaced       int       `json:",omitempty"` // how many pods of the node were lost before this one
	LostAt         time.Time `json:",omitzero"`  // when the last of them was
	Past           Cost      `json:",omitzero"`  // what they cost
}

// IsReplacing reports whether the node was lost and waits for another host. InstanceID is then that of the lost one.
func (n NodeAttempt) IsReplacing() bool { return n.Replaced > 0 && n.Status == StatusRunnable }

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

// Page is a part of a list of jobs.
type Page struct {
	Jobs []Job
	Next string // where the list goes on, in the store's terms; empty at the end
}
