// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// maxReason is how much of a container's reason is kept. AWS Batch: 255 characters.
const maxReason = 255

// observe gives the events that a pod stands for, in the order of a job's life. instanceID is that of the pod's node, host what is to
// be noted of it, if anything is.
func observe(m member, instanceID string, host *batch.Host) []lifecycle.Event {
	var events []lifecycle.Event
	pod := m.pod
	if pod.Spec.NodeName != "" {
		events = append(events, lifecycle.Bound{Attempt: m.attempt, Node: m.node, NodeName: pod.Spec.NodeName, InstanceID: instanceID, Host: host})
	}
	if at, ok := startedAt(pod); ok || succeeded(pod) { // whatever its containers say, what succeeded has run
		events = append(events, lifecycle.Started{Attempt: m.attempt, Node: m.node, At: at})
	}
	if m.isOver() {
		events = append(events, ended(m, instanceID))
	}
	return events
}

// isFinished reports whether no container of the pod runs or will run.
func isFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// startedAt is when the first main container began to run.
func startedAt(pod *corev1.Pod) (time.Time, bool) {
	var first time.Time
	for _, s := range pod.Status.ContainerStatuses {
		var at time.Time
		switch {
		case s.State.Running != nil:
			at = s.State.Running.StartedAt.Time
		case s.State.Terminated != nil && s.State.Terminated.ContainerID != "":
			at = s.State.Terminated.StartedAt.Time
		}
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first.UTC(), !first.IsZero()
}

func ended(m member, instanceID string) lifecycle.Ended {
	pod := m.pod
	ev := lifecycle.Ended{
		Attempt:        m.attempt,
		Node:           m.node,
		Succeeded:      succeeded(pod),
		Lost:           !isPreempted(pod) && (m.lost || lostHost(pod) || isTakenAway(pod)),
		StatusReason:   lifecycle.ReasonExited,
		Containers:     outcomes(pod.Status.ContainerStatuses),
		InitContainers: outcomes(pod.Status.InitContainerStatuses),
		StoppedAt:      stoppedAt(pod),
	}
	switch _, started := startedAt(pod); {
	case ev.Succeeded:
	case isPreempted(pod):
		ev.Preempted, ev.StatusReason = true, lifecycle.ReasonPreempted
	case m.lost, lostHost(pod):
		ev.StatusReason, ev.Preempted = lifecycle.HostTerminated(instanceID), m.late && !started
	case !started:
		ev.StatusReason = lifecycle.ReasonStartFailed
	}
	return ev
}

// succeeded tells how a finished pod ended: as all its containers did, or, where some are not essential, as the essential
// one that ended first. The others ended because it did.
func succeeded(pod *corev1.Pod) bool {
	names, ok := pod.Annotations[batchmeta.NonEssential]
	if !ok {
		return pod.Status.Phase == corev1.PodSucceeded
	}
	first := firstEnded(pod, names)
	return first != nil && first.ExitCode == 0
}

// isDecided reports whether an essential container of a pod with others has ended. AWS Batch: the others are stopped then.
func isDecided(pod *corev1.Pod) bool {
	names, ok := pod.Annotations[batchmeta.NonEssential]
	return ok && firstEnded(pod, names) != nil
}

// firstEnded is the end of the essential container that ended first; of those that ended in the same second, one that
// failed. It is nil while all run.
func firstEnded(pod *corev1.Pod, nonEssential string) *corev1.ContainerStateTerminated {
	others := strings.Split(nonEssential, ",")
	var first *corev1.ContainerStateTerminated
	for _, s := range pod.Status.ContainerStatuses {
		t := s.State.Terminated
		if t == nil || slices.Contains(others, s.Name) {
			continue
		}
		if first == nil || t.FinishedAt.Before(&first.FinishedAt) || t.FinishedAt.Equal(&first.FinishedAt) && t.ExitCode != 0 {
			first = t
		}
	}
	return first
}

// lostHost reports whether the pod ended because its node did.
func lostHost(pod *corev1.Pod) bool {
	if pod.Status.Reason == "NodeLost" || pod.Status.Reason == "NodeShutdown" || pod.Status.Reason == "Terminated" {
		return true
	}
	reason := disruption(pod)
	return reason == "DeletionByPodGC" || reason == "DeletionByTaintManager"
}

// isPreempted reports whether the scheduler ended the pod for work of higher rank. Whatever its containers said by then, who
// may not run on cannot be blamed.
func isPreempted(pod *corev1.Pod) bool {
	return disruption(pod) == corev1.PodReasonPreemptionByScheduler
}

// disruption is why Kubernetes ended the pod; empty if it did not.
func disruption(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return c.Reason
		}
	}
	return ""
}

// isTakenAway reports whether a pod that did not succeed was deleted, and not because its job is decided.
func isTakenAway(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil && !succeeded(pod) && !isDecided(pod)
}

func outcomes(statuses []corev1.ContainerStatus) []batch.ContainerOutcome {
	out := make([]batch.ContainerOutcome, 0, len(statuses))
	for _, s := range statuses {
		o := batch.ContainerOutcome{Name: s.Name, ContainerID: s.ContainerID}
		if t := s.State.Terminated; t != nil {
			o.Reason = reasonOf(t.Reason, t.Message)
			// The kubelet makes a code up for a container that it lost track of.
			if t.Reason != "ContainerStatusUnknown" {
				o.ExitCode = new(int(t.ExitCode))
			}
		}
		out = append(out, o)
	}
	return slices.Clip(out)
}

func reasonOf(reason, message string) string {
	if message != "" && reason != "Completed" && reason != "Error" && reason != "OOMKilled" {
		reason += ": " + message
	}
	return truncate(reason)
}

func truncate(s string) string {
	if len(s) <= maxReason {
		return s
	}
	return strings.ToValidUTF8(s[:maxReason], "")
}

// stoppedAt is when the last container ended; zero if none told.
func stoppedAt(pod *corev1.Pod) time.Time {
	var last time.Time
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if t := s.State.Terminated; t != nil && t.FinishedAt.After(last) {
			last = t.FinishedAt.UTC()
		}
	}
	return last
}

// stuck tells which container cannot start, why in AWS Batch's words, and whether waiting could help.
func stuck(pod *corev1.Pod) (container, reason string, hopeless bool) {
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		w := s.State.Waiting
		if w == nil {
			continue
		}
		switch w.Reason {
		case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable":
			return s.Name, truncate("CannotPullContainerError: " + w.Message), false
		case "InvalidImageName":
			return s.Name, truncate("CannotPullContainerError: " + w.Message), true
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return s.Name, truncate(w.Reason + ": " + w.Message), false
		}
	}
	return "", "", false
}
