// SPDX-License-Identifier: Apache-2.0

package batch

// JobStatus is the state of a job, in AWS Batch's spelling.
type JobStatus string

// The statuses in the order of a job's life.
const (
	// StatusSubmitted is entered by SubmitJob and left as soon as dependencies were looked at.
	StatusSubmitted JobStatus = "SUBMITTED"
	// StatusPending waits for dependencies.
	StatusPending JobStatus = "PENDING"
	// StatusRunnable waits for admission and for a node; an admitted job stays here until a pod of it is bound.
	StatusRunnable JobStatus = "RUNNABLE"
	// StatusStarting has a pod bound to a node: images are pulled, init containers run.
	StatusStarting JobStatus = "STARTING"
	// StatusRunning has its containers running.
	StatusRunning JobStatus = "RUNNING"
	// StatusSucceeded is final: every container ended with exit code 0.
	StatusSucceeded JobStatus = "SUCCEEDED"
	// StatusFailed is final: no attempt is left, or the job was cancelled, terminated or timed out.
	StatusFailed JobStatus = "FAILED"
)

// JobStatuses lists every status in life order.
var JobStatuses = [...]JobStatus{
	StatusSubmitted, StatusPending, StatusRunnable, StatusStarting, StatusRunning, StatusSucceeded, StatusFailed,
}

// IsTerminal reports whether nothing can follow s.
func (s JobStatus) IsTerminal() bool { return s == StatusSucceeded || s == StatusFailed }

// State says whether a queue takes submissions, or an environment takes new work.
type State string

// The two states.
const (
	Enabled  State = "ENABLED"
	Disabled State = "DISABLED"
)

// ResourceStatus is the status of a job queue or compute environment.
type ResourceStatus string

// The statuses of queues and environments.
const (
	ResourceCreating ResourceStatus = "CREATING"
	ResourceUpdating ResourceStatus = "UPDATING"
	ResourceDeleting ResourceStatus = "DELETING"
	ResourceValid    ResourceStatus = "VALID"
	ResourceInvalid  ResourceStatus = "INVALID"
)
