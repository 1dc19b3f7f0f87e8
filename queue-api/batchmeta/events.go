// SPDX-License-Identifier: Apache-2.0

package batchmeta

// EventReason is the reason of an Event that queue-api writes on a job's pod, of a multi-node job on its main node's. They
// are stable: users may wait for them.
type EventReason string

// The reasons, in the order of an attempt's life. What comes between is told by others on the same pod: that it was
// Scheduled by batch-scheduler, that images were Pulled by the kubelet.
const (
	EventAdmitted    EventReason = "Admitted"
	EventWithdrawn   EventReason = "Withdrawn"
	EventRunning     EventReason = "Running"
	EventStopping    EventReason = "Stopping"
	EventSucceeded   EventReason = "Succeeded"
	EventRetried     EventReason = "Retried"
	EventFailed      EventReason = "Failed"
	EventStartFailed EventReason = "StartFailed"
	EventReclaimed   EventReason = "Reclaimed"
	EventPreempted   EventReason = "Preempted"
	EventTimedOut    EventReason = "TimedOut"
	EventCancelled   EventReason = "Cancelled"
	EventTerminated  EventReason = "Terminated"
)

// DescribedEvent is an EventReason as users are told of it.
type DescribedEvent struct {
	Reason    EventReason
	IsWarning bool
	Help      string
}

// Events are all reasons that queue-api writes.
func Events() []DescribedEvent {
	return []DescribedEvent{
		{EventAdmitted, false, "The job's attempt was admitted to a compute environment, and its pod was made"},
		{EventWithdrawn, false, "The admission was taken back before the pod had a node; the job waits again"},
		{EventRunning, false, "The attempt's containers run; the job is `RUNNING`"},
		{EventStopping, false, "The pod is being ended, and why: the job was stopped, timed out, or is over"},
		{EventSucceeded, false, "The attempt ended well, and the job with it"},
		{EventRetried, true, "The attempt failed, and another one follows"},
		{EventFailed, true, "The attempt failed, and the job with it"},
		{EventStartFailed, true, "The containers could not be started, as when an image cannot be pulled, and the job failed with it"},
		{EventReclaimed, true, "The machine went away under the attempt; the message says whether another attempt follows"},
		{EventPreempted, true, "The attempt was ended for work of higher rank; another one follows, which does not count"},
		{EventTimedOut, true, "The attempt ran longer than the job's timeout"},
		{EventCancelled, false, "The job was cancelled"},
		{EventTerminated, false, "The job was terminated"},
	}
}

// eventLabels are those of a pod's labels that Events about it have, too: an Event outlives its pod.
var eventLabels = [...]string{JobID, JobQueue, Attempt, ArrayIndex, NodeIndex, ComputeEnvironmentUUID}

// EventLabels are the labels of an Event about a pod with such labels; nil if the pod is of no job.
func EventLabels(ofPod map[string]string) map[string]string {
	if ofPod[JobID] == "" {
		return nil
	}
	out := map[string]string{}
	for _, key := range eventLabels {
		if value, ok := ofPod[key]; ok {
			out[key] = value
		}
	}
	return out
}
