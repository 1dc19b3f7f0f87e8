// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// Pods is the cluster's pods as the watcher sees and changes them. Changes succeed if the pod is gone.
type Pods interface {
	// Get reads the cache; nil means that it has no such pod.
	Get(namespace, name string) *corev1.Pod
	// OfJob and All read the cache. OfJob takes the id of a job or of an array's child.
	OfJob(id string) []*corev1.Pod
	All() []*corev1.Pod
	// Live reads the API server; nil means that there is no such pod.
	Live(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	// InstanceID names the instance behind a node.
	InstanceID(ctx context.Context, node string) string
	// Machine is what is known of the machine that a pod is on; the zero Machine if nothing is.
	Machine(node string) Machine
	// Announce tells the address of a multi-node job's main node to the other nodes, whose containers wait for it. It
	// returns false while the address is not known.
	Announce(ctx context.Context, main *corev1.Pod) (bool, error)
	// Nudge has the pod's kubelet look at it again at once.
	Nudge(ctx context.Context, pod *corev1.Pod, now time.Time) error
	// HostGone reports whether the machine of a pod's node is known to be gone: whatever the pod's status says, nothing of it
	// runs any more.
	HostGone(pod *corev1.Pod) bool
	// GivenUp tells whether the autoscaler ended the machine of a node that is gone, as one on which no unfinished pod was.
	GivenUp(node string) bool
	// HostEnds is when the machine of a node will end, as was announced; zero if nothing was.
	HostEnds(node string) time.Time
	// Stop deletes the pod with its grace period.
	Stop(ctx context.Context, pod *corev1.Pod) error
	// StopWithin deletes the pod with a grace period of whole seconds, also one that is being deleted with a longer one. Without
	// any, nobody waits for its host.
	StopWithin(ctx context.Context, pod *corev1.Pod, grace time.Duration) error
	// Release removes the tracking finalizer.
	Release(ctx context.Context, pod *corev1.Pod) error
}

// settle brings one job and its pods in line. It returns when to look again, 0 for when something changes.
func (w *Watcher) settle(ctx context.Context, id string) (time.Duration, error) {
	lost := w.notes.takeLost(id)
	members, err := w.members(ctx, id)
	var again time.Duration
	if err == nil {
		again, err = w.settleMembers(ctx, id, members, lost)
	}
	if err != nil && lost {
		w.notes.setLost(id)
	}
	return again, err
}

func (w *Watcher) settleMembers(ctx context.Context, id string, members []member, lost bool) (time.Duration, error) {
	if len(members) == 0 {
		w.notes.forget(id)
		if !lost {
			return 0, nil // reconcile looks for jobs without a pod
		}
	}
	job, err := w.store.Job(ctx, id)
	if errors.Is(err, batch.ErrNotFound) {
		return 0, w.settleUnknown(ctx, id, members)
	}
	if err != nil {
		return 0, err
	}
	if job, err = w.moveOn(ctx, job, members); err != nil {
		return 0, err
	}
	if w.isElsewhere(job) { // what it has here is over
		job.Current = nil
		return w.tend(ctx, job, members)
	}
	job, again, err := w.advance(ctx, job, members)
	if err == nil && lost {
		job, err = w.missing(ctx, job)
	}
	if err != nil {
		return 0, err
	}
	next, err := w.tend(ctx, job, members)
	return sooner(again, next), err
}

// settleUnknown makes a job again that the store does not know. Where that cannot be, its pods are kept; only one that somebody
// deletes after its end may go.
func (w *Watcher) settleUnknown(ctx context.Context, id string, members []member) error {
	done, err := w.adopt(ctx, id, members)
	if err != nil {
		return err
	}
	if done {
		w.work.Add(id)
		return nil
	}
	return each(members, func(m member) error {
		if m.pod.DeletionTimestamp != nil && (isFinished(m.pod) || m.pod.Spec.NodeName == "") {
			return w.pods.Release(ctx, m.pod)
		}
		return nil
	})
}

// advance steps the job through what its pods and the time stand for.
func (w *Watcher) advance(ctx context.Context, job batch.Job, members []member) (batch.Job, time.Duration, error) {
	var events []lifecycle.Event
	for _, m := range current(job, members) {
		var instance string
		if n := nodeOf(job, m.node); !n.IsReplacing() { // else it is that of the host that was lost
			instance = n.InstanceID
		}
		if instance == "" {
			instance = w.pods.InstanceID(ctx, m.pod.Spec.NodeName)
		}
		host, err := w.host(ctx, job, m)
		if err != nil {
			return job, 0, err
		}
		events = append(events, observe(m, instance, host)...)
	}
	job, err := w.play(ctx, job, events)
	if err != nil {
		return job, 0, err
	}
	events, again := w.overdue(job, current(job, members))
	if job, err = w.play(ctx, job, events); err != nil {
		return job, 0, err
	}
	if err := w.announce(ctx, job, current(job, members)); err != nil {
		return job, 0, err
	}
	next, err := w.hasten(ctx, job, current(job, members))
	if err != nil {
		return job, 0, err
	}
	again = sooner(again, next)
	job, next, err = w.takeBack(ctx, job, current(job, members))
	if err != nil {
		return job, 0, err
	}
	again = sooner(again, next)
	job, next, err = w.replace(ctx, job)
	return job, sooner(again, next), err
}

// play steps the job through events unless they are old news, and wakes the dispatcher if that is due. Each change of status
// is one write, with all that came before it.
func (w *Watcher) play(ctx context.Context, job batch.Job, events []lifecycle.Event) (batch.Job, error) {
	events, err := w.beforeRetry(ctx, job, events)
	if err != nil {
		return job, err
	}
	now := w.cfg.Clock.Now()
	for len(events) > 0 {
		if next, _, _, err := lifecycle.StepThrough(job, events, now); err == nil && isSame(job, next) {
			return job, nil
		}
		var effects []lifecycle.Effect
		applied, before := 0, job
		after, err := w.store.Transition(ctx, job.ID, func(j batch.Job) (batch.Job, error) {
			if w.isElsewhere(j) { // since it was read
				applied = len(events)
				return j, nil
			}
			next, e, n, err := lifecycle.StepThrough(j, events, now)
			before, effects, applied = j, e, n
			return next, err
		})
		if err != nil {
			return job, fmt.Errorf("%T of job %s: %w", events[0], job.ID, err)
		}
		if after.Status != before.Status {
			klog.FromContext(ctx).V(2).Info("Job changed", "job", job.ID, "from", before.Status, "to", after.Status, "reason", after.StatusReason)
		}
		w.tell(before, after)
		if slices.Contains(effects, lifecycle.Dispatch) {
			w.dispatcher.Wake()
		}
		job, events = after, events[applied:]
	}
	return job, nil
}

func isSame(a, b batch.Job) bool {
	return a.Status == b.Status && a.StatusReason == b.StatusReason && len(a.Attempts) == len(b.Attempts) &&
		reflect.DeepEqual(a.Stop, b.Stop) && reflect.DeepEqual(a.Current, b.Current)
}

// overdue gives what the time has come for: the attempt's timeout, and containers that failed to start for too long. It
// also returns when to look again.
func (w *Watcher) overdue(job batch.Job, members []member) (events []lifecycle.Event, again time.Duration) {
	now := w.cfg.Clock.Now()
	isOver := false // but for what else still runs
	trouble := ""   // of the first container that cannot start for now
	for _, m := range members {
		isOver = isOver || m.node == job.MainNode && isFinished(m.pod)
		n := nodeOf(job, m.node)
		container, reason, hopeless := stuck(m.pod)
		if container == "" || n.Status != batch.StatusStarting || n.StatusReason != "" || job.Stop != nil || isExpectingAddress(job, m, reason) {
			continue
		}
		trouble = cmp.Or(trouble, reason)
		if left := startDeadline(m.pod, w.cfg.StartTimeout).Sub(now); left > 0 && !hopeless {
			again = sooner(again, left)
			continue
		}
		events = append(events, lifecycle.StartFailed{Attempt: m.attempt, Node: m.node, Container: container, Reason: reason})
	}
	if job.Status == batch.StatusStarting && job.Current != nil {
		events = append([]lifecycle.Event{lifecycle.Stuck{Attempt: job.Current.Number, Reason: trouble}}, events...)
	}
	if job.Status == batch.StatusRunning && job.Timeout > 0 && job.Stop == nil && !isOver {
		if left := job.StartedAt.Add(job.Timeout).Sub(now); left > 0 {
			again = sooner(again, left)
		} else {
			events = append(events, lifecycle.TimedOut{Attempt: job.Current.Number})
		}
	}
	return events, again
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

// tend does to the pods what their job wants of them. It returns when to look again.
func (w *Watcher) tend(ctx context.Context, job batch.Job, members []member) (time.Duration, error) {
	var mu sync.Mutex // guards again
	var again time.Duration
	err := each(members, func(m member) error {
		next, err := w.tendOne(ctx, job, m)
		mu.Lock()
		defer mu.Unlock()
		again = sooner(again, next)
		return err
	})
	return again, err
}

func (w *Watcher) tendOne(ctx context.Context, job batch.Job, m member) (time.Duration, error) {
	if m.pod.DeletionTimestamp != nil {
		w.follow(job, m.pod)
	}
	if err := w.shorten(ctx, m); err != nil {
		return 0, err
	}
	if !isMine(job, m.attempt) || isReplaced(job, m) {
		return w.retire(ctx, job, m)
	}
	if job.IsMultiNode() && m.node >= len(job.Current.Nodes) || m.node < 0 {
		return 0, nil // not a pod of ours
	}
	n := nodeOf(job, m.node)
	if n.Status.IsTerminal() { // the others go on
		return w.retire(ctx, job, m)
	}
	isToStop := job.Stop != nil || job.Current.StatusReason != "" || n.StatusReason != "" || isDecided(m.pod)
	if isToStop && m.pod.DeletionTimestamp == nil {
		return 0, w.stop(ctx, job, m.pod)
	}
	return 0, nil
}

// retire ends a pod whose part is over: stopped if it still runs, released once its end is known and its logs are kept, deleted
// after a while.
func (w *Watcher) retire(ctx context.Context, job batch.Job, m member) (time.Duration, error) {
	pod := m.pod
	if m.lost {
		if !w.areKept(job, m) {
			return 0, nil
		}
		return 0, w.bury(ctx, pod)
	}
	if !isFinished(pod) && pod.Spec.NodeName != "" {
		if pod.DeletionTimestamp == nil {
			return 0, w.stop(ctx, job, pod)
		}
		return 0, nil
	}
	if !w.areKept(job, m) {
		return 0, nil
	}
	if err := w.pods.Release(ctx, pod); err != nil || pod.DeletionTimestamp != nil {
		return 0, err
	}
	finished := stoppedAt(pod)
	if finished.IsZero() {
		finished = pod.CreationTimestamp.Time
		w.tellGivenUp(&job, pod)
	}
	if left := finished.Add(w.cfg.FinishedPodTTL).Sub(w.cfg.Clock.Now()); left > 0 && pod.Spec.NodeName != "" {
		return left, nil
	}
	return 0, w.pods.Stop(ctx, pod)
}

// parallel bounds what is done at once to the pods of one job.
const parallel = 16

// each calls do for every member, for a few at once, and returns the first error.
func each(members []member, do func(member) error) error {
	if len(members) == 1 {
		return do(members[0])
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, m := range members {
		group.Go(func() error { return do(m) })
	}
	return group.Wait()
}

// sooner is the shorter of two times to look again, 0 being none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
