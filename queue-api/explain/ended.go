// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// ended is why a job ended.
func (f *Facts) ended() (Code, string) {
	job := f.Job
	switch {
	case job.Status == batch.StatusSucceeded:
		return JobSucceeded, job.StatusReason
	case job.Stop != nil && job.StatusReason == job.Stop.Reason:
		return stopCode(job.Stop), job.StatusReason
	}
	return f.failureCode(), job.StatusReason
}

func stopCode(stop *batch.Stop) Code {
	switch {
	case strings.HasPrefix(stop.Reason, lifecycle.CanceledByTimeLimit):
		return LimitState
	case stop.Kind == batch.StopTimedOut:
		return LimitAttempt
	case stop.Reason == lifecycle.ReasonQueueDeleted:
		return QueueDeleted
	case stop.Kind == batch.StopCancelled:
		return JobCancelled
	}
	return JobTerminated
}

func (f *Facts) failureCode() Code {
	reason := f.Job.StatusReason
	switch {
	case reason == lifecycle.ReasonDependencyFailed:
		return DependencyFailed
	case reason == lifecycle.ReasonChildFailed:
		return ArrayChildFailed
	case strings.HasPrefix(reason, lifecycle.HostEC2):
		return NodeLost
	case strings.HasPrefix(reason, PodInvalid):
		return PodRejected
	}
	outcomes := f.lastOutcomes()
	has := func(is func(batch.ContainerOutcome) bool) bool { return slices.ContainsFunc(outcomes, is) }
	switch {
	case has(func(o batch.ContainerOutcome) bool { return strings.HasPrefix(o.Reason, CannotPull) }):
		return PodImagePull
	case reason == lifecycle.ReasonStartFailed:
		return PodStartFailed
	case has(isOutOfMemory):
		return ExitOutOfMemory
	case has(func(o batch.ContainerOutcome) bool { return o.ExitCode != nil && *o.ExitCode != 0 }):
		return ExitCode
	}
	return JobFailed
}

// PodInvalid begins the reason of a job whose pod Kubernetes refused for what is in it.
const PodInvalid = "pod is invalid"

func isOutOfMemory(o batch.ContainerOutcome) bool {
	return o.Reason == "OOMKilled" || o.Reason == lifecycle.ReasonOutOfMemory
}

// lastOutcomes are how the containers of the last attempt ended, of a multi-node job those of its main node.
func (f *Facts) lastOutcomes() []batch.ContainerOutcome {
	n := len(f.Job.Attempts)
	if n == 0 {
		return nil
	}
	a := &f.Job.Attempts[n-1]
	return slices.Concat(a.InitContainers, a.Containers)
}

// maxOutcomes bounds the containers that are told of.
const maxOutcomes = 10

// outcomeDetails are sentences on how the containers of the last attempt ended.
func (f *Facts) outcomeDetails() []string {
	outcomes := f.lastOutcomes()
	var out []string
	for _, o := range outcomes[:min(len(outcomes), maxOutcomes)] {
		text := "Container " + o.Name + " gave no exit code"
		if o.ExitCode != nil {
			text = fmt.Sprintf("Container %s ended with exit code %d", o.Name, *o.ExitCode)
		}
		if o.Reason != "" {
			text += " (" + o.Reason + ")"
		}
		out = append(out, fmt.Sprintf("%s in attempt %d.", text, len(f.Job.Attempts)))
	}
	return out
}
