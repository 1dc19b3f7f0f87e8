// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// Pods is the cluster's pods as the watcher sees and changes them. Changes succeed if the pod is gone.
type Pods interface {
	// Get reads the cache; nil means that it has no such pod.
	Get(namespace, name string) *corev1.Pod
	// OfJob and All read the cache.
	OfJob(jobID string) []*corev1.Pod
	All() []*corev1.Pod
	// Live reads the API server; nil means that there is no such pod.
	Live(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	// InstanceID names the instance behind a node.
	InstanceID(ctx context.Context, node string) string
	// Stop deletes the pod with its grace period.
	Stop(ctx context.Context, pod *corev1.Pod) error
	// Release removes the tracking finalizer.
	Release(ctx context.Context, pod *corev1.Pod) error
}

// settle brings one pod and its job in line. It returns when to look again, 0 for when something changes.
func (w *Watcher) settle(ctx context.Context, key podKey) (time.Duration, error) {
	pod := w.pods.Get(key.Namespace, key.Name)
	if pod == nil {
		return 0, nil // reconcile looks for jobs without a pod
	}
	id := pod.Labels[batchmeta.JobID]
	attempt, _ := strconv.Atoi(pod.Labels[batchmeta.Attempt])
	if attempt < 1 || id == "" {
		return 0, nil // not a pod of ours
	}
	job, err := w.store.Job(ctx, id)
	if errors.Is(err, batch.ErrNotFound) {
		return 0, w.settleUnknown(ctx, pod)
	}
	if err != nil {
		return 0, err
	}
	if job, err = w.advance(ctx, job, pod, attempt); err != nil {
		return 0, err
	}
	if !isMine(job, attempt) {
		return w.retire(ctx, pod)
	}
	return w.supervise(ctx, job, pod)
}

// isMine reports whether the attempt is the job's current one.
func isMine(job batch.Job, attempt int) bool {
	return job.Current != nil && job.Current.Number == attempt
}

// settleUnknown keeps a pod whose job the store does not know; only one that somebody deletes after its end may go.
func (w *Watcher) settleUnknown(ctx context.Context, pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil && (isFinished(pod) || pod.Spec.NodeName == "") {
		return w.pods.Release(ctx, pod)
	}
	return nil
}

// advance steps the job through every event that its pod stands for, one write for each change of status.
func (w *Watcher) advance(ctx context.Context, job batch.Job, pod *corev1.Pod, attempt int) (batch.Job, error) {
	if !isMine(job, attempt) {
		return job, nil
	}
	instance := cmp.Or(job.Current.InstanceID, w.pods.InstanceID(ctx, pod.Spec.NodeName))
	for _, ev := range observe(pod, attempt, instance) {
		next, err := w.step(ctx, job, ev)
		if err != nil {
			return job, err
		}
		job = next
	}
	if pod.DeletionTimestamp != nil && pod.Spec.NodeName == "" && job.Status == batch.StatusRunnable {
		// The pod must be gone before its attempt may be made again under the same name.
		if err := w.pods.Release(ctx, pod); err != nil {
			return job, err
		}
		return w.step(ctx, job, lifecycle.Withdrawn{Attempt: attempt})
	}
	return job, nil
}

// step applies one event unless it is old news, and wakes the dispatcher if that is due.
func (w *Watcher) step(ctx context.Context, job batch.Job, ev lifecycle.Event) (batch.Job, error) {
	now := w.cfg.Clock.Now()
	if next, effects, err := lifecycle.Step(job, ev, now); err == nil && len(effects) == 0 && sameStatus(job, next) {
		return job, nil
	}
	var effects []lifecycle.Effect
	before := job.Status
	after, err := w.store.Transition(ctx, job.ID, func(j batch.Job) (batch.Job, error) {
		next, e, err := lifecycle.Step(j, ev, now)
		before, effects = j.Status, e
		return next, err
	})
	if err != nil {
		return job, fmt.Errorf("%T of job %s: %w", ev, job.ID, err)
	}
	if after.Status != before {
		klog.FromContext(ctx).V(2).Info("Job changed", "job", job.ID, "from", before, "to", after.Status, "reason", after.StatusReason)
	}
	if slices.Contains(effects, lifecycle.Dispatch) {
		w.dispatcher.Wake()
	}
	return after, nil
}

func sameStatus(a, b batch.Job) bool { return a.Status == b.Status && a.StatusReason == b.StatusReason }

// supervise looks after a pod whose attempt is under way: it stops it if the job is to stop, times it out, or gives up on
// a container that cannot start.
func (w *Watcher) supervise(ctx context.Context, job batch.Job, pod *corev1.Pod) (time.Duration, error) {
	now := w.cfg.Clock.Now()
	again := time.Duration(0)
	switch {
	case job.Status == batch.StatusStarting:
		container, reason, hopeless := stuck(pod)
		if container == "" {
			break
		}
		if again = startDeadline(pod, w.cfg.StartTimeout).Sub(now); again > 0 && !hopeless {
			return again, nil
		}
		next, err := w.step(ctx, job, lifecycle.StartFailed{Attempt: job.Current.Number, Container: container, Reason: reason})
		if err != nil {
			return 0, err
		}
		job, again = next, 0
	case job.Status == batch.StatusRunning && job.Timeout > 0 && job.Stop == nil:
		if again = job.StartedAt.Add(job.Timeout).Sub(now); again > 0 {
			return again, nil
		}
		next, err := w.step(ctx, job, lifecycle.TimedOut{Attempt: job.Current.Number})
		if err != nil {
			return 0, err
		}
		job, again = next, 0
	}
	if isMustStop(job) && pod.DeletionTimestamp == nil {
		return 0, w.pods.Stop(ctx, pod)
	}
	return again, nil
}

// isMustStop reports whether the current attempt is to be stopped.
func isMustStop(job batch.Job) bool {
	return job.Stop != nil || job.Current != nil && job.Current.StatusReason != ""
}

// startDeadline is until when the pod's containers may fail to start.
func startDeadline(pod *corev1.Pod, timeout time.Duration) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Add(timeout)
		}
	}
	return pod.CreationTimestamp.Add(timeout)
}

// retire ends a pod whose attempt is over: stopped if it still runs, released once its end is known, deleted after a while.
func (w *Watcher) retire(ctx context.Context, pod *corev1.Pod) (time.Duration, error) {
	if !isFinished(pod) && pod.Spec.NodeName != "" {
		if pod.DeletionTimestamp == nil {
			return 0, w.pods.Stop(ctx, pod)
		}
		return 0, nil
	}
	if err := w.pods.Release(ctx, pod); err != nil || pod.DeletionTimestamp != nil {
		return 0, err
	}
	finished := stoppedAt(pod)
	if finished.IsZero() {
		finished = pod.CreationTimestamp.Time
	}
	if left := finished.Add(w.cfg.FinishedPodTTL).Sub(w.cfg.Clock.Now()); left > 0 && pod.Spec.NodeName != "" {
		return left, nil
	}
	return 0, w.pods.Stop(ctx, pod)
}

// missing settles a job whose pod the cache does not have. Only the API server's word counts.
func (w *Watcher) missing(ctx context.Context, job batch.Job) error {
	pod, err := w.pods.Live(ctx, job.Current.PodNamespace, job.Current.PodName)
	if err != nil || pod != nil {
		return err
	}
	if job.Status == batch.StatusRunnable {
		return w.dispatcher.Ensure(ctx, job)
	}
	// The tracking finalizer was taken away by force, or the cluster was lost: nobody can tell the exit code any more.
	_, err = w.step(ctx, job, lifecycle.Ended{
		Attempt: job.Current.Number, StatusReason: lifecycle.HostTerminated(job.Current.InstanceID),
	})
	return err
}
