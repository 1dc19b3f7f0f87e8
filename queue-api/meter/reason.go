// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// Why an attempt or a job ended: the values of the label reason.
const (
	ReasonSucceeded        = "succeeded"
	ReasonExited           = "exited" // a container ended with another code than 0
	ReasonOutOfMemory      = "out_of_memory"
	ReasonStartFailed      = "start_failed"
	ReasonHostTerminated   = "host_terminated"
	ReasonPreempted        = "preempted"
	ReasonTimedOut         = "timed_out"
	ReasonCancelled        = "cancelled"
	ReasonTerminated       = "terminated"
	ReasonDependencyFailed = "dependency_failed"
	ReasonChildFailed      = "child_failed" // of an array
	ReasonRejected         = "rejected"     // Kubernetes never took its pod
)

// AttemptReason is why an attempt of the job ended.
func AttemptReason(job *batch.Job, a *batch.Attempt) string {
	switch {
	case a.Preempted:
		return ReasonPreempted
	case strings.HasPrefix(a.StatusReason, "Host EC2 (instance "):
		return ReasonHostTerminated
	case job.Stop != nil:
		return stopReason(job.Stop.Kind)
	case a.StatusReason == lifecycle.ReasonStartFailed:
		return ReasonStartFailed
	}
	failed := false
	for _, c := range a.Containers {
		if c.Reason == "OOMKilled" || strings.HasPrefix(c.Reason, "OutOfMemoryError") {
			return ReasonOutOfMemory
		}
		failed = failed || c.ExitCode == nil || *c.ExitCode != 0
	}
	if failed {
		return ReasonExited
	}
	return ReasonSucceeded
}

// JobReason is why a job that has ended did.
func JobReason(job *batch.Job) string {
	switch {
	case job.Status == batch.StatusSucceeded:
		return ReasonSucceeded
	case job.Stop != nil:
		return stopReason(job.Stop.Kind)
	case job.StatusReason == lifecycle.ReasonDependencyFailed:
		return ReasonDependencyFailed
	case job.IsArray():
		return ReasonChildFailed
	case len(job.Attempts) == 0:
		return ReasonRejected
	}
	last := &job.Attempts[len(job.Attempts)-1]
	if last.StatusReason != job.StatusReason {
		return ReasonRejected // before the next attempt
	}
	if reason := AttemptReason(job, last); reason != ReasonSucceeded {
		return reason
	}
	return ReasonExited // of a container that was not the last to end
}

func stopReason(kind batch.StopKind) string {
	switch kind {
	case batch.StopCancelled:
		return ReasonCancelled
	case batch.StopTerminated:
		return ReasonTerminated
	case batch.StopTimedOut:
		return ReasonTimedOut
	}
	return ReasonTerminated
}
