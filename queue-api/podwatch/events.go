// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// Events tells people, on its pod, what becomes of an attempt.
type Events interface {
	// Record does not block.
	Record(pod *corev1.Pod, reason batchmeta.EventReason, message string)
}

// tell records what a change of a job means for the attempt that was under way, on its main pod.
func (w *Watcher) tell(old, next batch.Job) {
	if old.Current == nil {
		return
	}
	if w.cfg.Started != nil && old.Status != batch.StatusRunning && next.Status == batch.StatusRunning {
		if pod := w.pods.Get(old.Current.PodNamespace, old.Current.PodName); pod != nil {
			w.cfg.Started(next, pod)
		}
	}
	if w.cfg.Events == nil {
		return
	}
	reason, message := changeOf(&old, &next)
	if reason == "" {
		return
	}
	if pod := w.pods.Get(old.Current.PodNamespace, old.Current.PodName); pod != nil {
		w.cfg.Events.Record(pod, reason, message)
	}
}

// tellStop records that a pod is being ended.
func (w *Watcher) tellStop(job *batch.Job, pod *corev1.Pod) {
	if w.cfg.Events != nil && pod.DeletionTimestamp == nil {
		w.cfg.Events.Record(pod, batchmeta.EventStopping, whyStopped(job))
	}
}

func whyStopped(job *batch.Job) string {
	switch {
	case job.Stop != nil:
		return "Being stopped: " + job.Stop.Reason
	case job.Current != nil && job.Current.StatusReason != "":
		return "Being stopped: " + job.Current.StatusReason
	}
	return "Being stopped: the job goes on without this pod, or is over"
}

// tellGivenUp records what ended a job whose pod never had a node.
func (w *Watcher) tellGivenUp(job *batch.Job, pod *corev1.Pod) {
	if w.cfg.Events != nil && job.Stop != nil && pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
		w.cfg.Events.Record(pod, stopReasonOf(job.Stop), job.Stop.Reason)
	}
}

// changeOf is what is to be told of a change; empty for nothing.
func changeOf(old, next *batch.Job) (reason batchmeta.EventReason, message string) {
	attempt := "Attempt " + strconv.Itoa(old.Current.Number)
	switch {
	case len(next.Attempts) > len(old.Attempts):
		return endOf(next, &next.Attempts[len(next.Attempts)-1], attempt)
	case next.Current == nil && next.Status == batch.StatusRunnable:
		message := attempt + " was taken back before it had a node; the job waits again"
		if next.StatusReason != "" {
			message += ": " + next.StatusReason
		}
		return batchmeta.EventWithdrawn, message
	case next.Status == batch.StatusRunning && old.Status != next.Status:
		return batchmeta.EventRunning, attempt + " runs on node " + next.Current.NodeName
	case next.Status == batch.StatusFailed && next.Stop != nil:
		return stopReasonOf(next.Stop), next.Stop.Reason
	}
	return "", ""
}

// endOf tells how an attempt ended and what follows.
func endOf(job *batch.Job, a *batch.Attempt, attempt string) (reason batchmeta.EventReason, message string) {
	how := a.StatusReason + exitCodes(a)
	if job.Status == batch.StatusSucceeded {
		return batchmeta.EventSucceeded, attempt + " succeeded"
	}
	follows := "the job failed"
	reason = batchmeta.EventFailed
	if job.Status == batch.StatusRunnable {
		reason = batchmeta.EventRetried
		follows = fmt.Sprintf("attempt %d follows; %d of %d are used up", len(job.Attempts)+1, job.CountedAttempts(), job.MaxAttempts())
	}
	switch {
	case job.Stop != nil:
		return stopReasonOf(job.Stop), attempt + " was stopped: " + job.Stop.Reason
	case a.Preempted:
		reason = batchmeta.EventPreempted
	case a.StatusReason != "" && strings.HasPrefix(a.StatusReason, hostPrefix):
		reason = batchmeta.EventReclaimed
	case a.StatusReason == lifecycle.ReasonStartFailed && job.Status == batch.StatusFailed:
		reason = batchmeta.EventStartFailed
	}
	return reason, attempt + " failed: " + how + "; " + follows
}

// hostPrefix begins lifecycle.HostTerminated.
var hostPrefix, _, _ = strings.Cut(lifecycle.HostTerminated("|"), "|")

// exitCodes names the containers that did not end with 0.
func exitCodes(a *batch.Attempt) string {
	var failed []string
	for _, c := range a.Containers {
		switch {
		case c.ExitCode != nil && *c.ExitCode != 0:
			failed = append(failed, strings.TrimSpace(fmt.Sprintf("%s: exit code %d %s", c.Name, *c.ExitCode, c.Reason)))
		case c.ExitCode == nil && c.Reason != "":
			failed = append(failed, c.Name+": "+c.Reason)
		}
	}
	if len(failed) == 0 {
		return ""
	}
	return " (" + strings.Join(failed, ", ") + ")"
}

func stopReasonOf(stop *batch.Stop) batchmeta.EventReason {
	switch stop.Kind {
	case batch.StopCancelled:
		return batchmeta.EventCancelled
	case batch.StopTimedOut:
		return batchmeta.EventTimedOut
	case batch.StopTerminated:
	}
	return batchmeta.EventTerminated
}
