// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// gangHold is how long deletions of a gang's pods are waited for: one pod that is lost is made again, but when all are
// deleted, one after the other, the job is given back.
const gangHold = 2 * time.Second

// takeBack looks after pods that were deleted before they had a node. When all are, the job waits again; a pod that the
// others of its gang wait for is made again as soon as it is gone.
func (w *Watcher) takeBack(ctx context.Context, job batch.Job, members []member) (batch.Job, time.Duration, error) {
	var gone []member
	var latest time.Time
	for _, m := range members {
		if isTakenBack(m.pod) {
			gone = append(gone, m)
			if at := m.pod.DeletionTimestamp.Time; at.After(latest) {
				latest = at
			}
		}
	}
	if len(gone) == 0 || job.Status != batch.StatusRunnable {
		return job, 0, w.releaseUnbound(ctx, gone)
	}
	all := len(gone) == len(members)
	if !all {
		if left := latest.Add(gangHold).Sub(w.cfg.Clock.Now()); left > 0 {
			return job, left, nil
		}
	}
	// The pods must be gone before their attempt may be made again under the same names, and none may be made here before the
	// job is given back: it may go to another cluster.
	if all {
		defer w.dispatcher.Hold(job.ID)()
	}
	if err := w.releaseUnbound(ctx, gone); err != nil || !all {
		return job, 0, err
	}
	job, err := w.play(ctx, job, []lifecycle.Event{lifecycle.Withdrawn{Attempt: job.Current.Number}})
	return job, 0, err
}

func (w *Watcher) releaseUnbound(ctx context.Context, members []member) error {
	return each(members, func(m member) error { return w.pods.Release(ctx, m.pod) })
}

// missing settles the pods of a job's current attempt that the cache does not have. Only the API server's word counts.
func (w *Watcher) missing(ctx context.Context, job batch.Job) (batch.Job, error) {
	if job.Current == nil || w.isElsewhere(job) {
		return job, nil
	}
	var events []lifecycle.Event
	makeAgain := false
	for _, i := range nodesOf(job) {
		n := nodeOf(job, i)
		if n.Status.IsTerminal() || w.pods.Get(job.Current.PodNamespace, n.PodName) != nil {
			continue
		}
		pod, err := w.pods.Live(ctx, job.Current.PodNamespace, n.PodName)
		if err != nil {
			return job, err
		}
		switch {
		case pod != nil:
		case n.IsReplacing():
			makeAgain = makeAgain || goesOn(job)
		case job.Status == batch.StatusRunnable && n.Status == batch.StatusRunnable:
			makeAgain = true
		default:
			// The tracking finalizer was taken away by force, or the cluster was lost: nobody can tell the exit code any more.
			events = append(events, lifecycle.Ended{Attempt: job.Current.Number, Node: i, Lost: true, StatusReason: lostReason(n)})
		}
	}
	job, err := w.play(ctx, job, events)
	if err != nil || !makeAgain {
		return job, err
	}
	return job, w.dispatcher.Ensure(ctx, job)
}

// goesOn reports whether an attempt is under way that is not to end.
func goesOn(job batch.Job) bool {
	return job.Current != nil && job.Stop == nil && job.Current.StatusReason == ""
}

// replace makes the pods of lost nodes that are to be replaced, and gives a job up that has waited for a new host too long.
// It returns when to look again.
func (w *Watcher) replace(ctx context.Context, job batch.Job) (batch.Job, time.Duration, error) {
	if !job.IsMultiNode() || !goesOn(job) {
		return job, 0, nil
	}
	var again time.Duration
	var overdue []lifecycle.Event
	isMissing := false
	for i, n := range job.Current.Nodes {
		if !n.IsReplacing() {
			continue
		}
		isMissing = isMissing || w.pods.Get(job.Current.PodNamespace, n.PodName) == nil
		if left := n.LostAt.Add(w.cfg.ReplaceTimeout).Sub(w.cfg.Clock.Now()); left > 0 {
			again = sooner(again, left)
		} else {
			overdue = append(overdue, lifecycle.NotReplaced{Attempt: job.Current.Number, Node: i})
		}
	}
	if len(overdue) > 0 {
		job, err := w.play(ctx, job, overdue)
		return job, 0, err
	}
	if isMissing {
		return job, again, w.dispatcher.Ensure(ctx, job)
	}
	return job, again, nil
}

// beforeRetry keeps the main node's end back, if all nodes are to be tried again for it, until the other nodes' pods have
// ended, and stops them: no node may run twice at once.
func (w *Watcher) beforeRetry(ctx context.Context, job batch.Job, events []lifecycle.Event) ([]lifecycle.Event, error) {
	last := len(events) - 1
	if !job.IsMultiNode() || last < 0 || !w.isRetry(job, events) {
		return events, nil
	}
	members, err := w.members(ctx, job.ID)
	if err != nil {
		return nil, err
	}
	var running []member
	for _, m := range current(job, members) {
		if m.node != job.MainNode && m.pod.Spec.NodeName != "" && !m.isOver() {
			running = append(running, m)
		}
	}
	if len(running) == 0 {
		return events, nil
	}
	return events[:last], each(running, func(m member) error {
		if m.pod.DeletionTimestamp != nil {
			return nil
		}
		return w.stop(ctx, job, m.pod)
	})
}

// isRetry reports whether the job would be tried again after the events. The last of them is then the main node's end.
func (w *Watcher) isRetry(job batch.Job, events []lifecycle.Event) bool {
	next := job
	for len(events) > 0 {
		after, _, n, err := lifecycle.StepThrough(next, events, w.cfg.Clock.Now())
		if err != nil {
			return false
		}
		next, events = after, events[n:]
	}
	return len(next.Attempts) > len(job.Attempts) && next.Status == batch.StatusRunnable
}

// lostReason is why a pod that is gone has ended.
func lostReason(n batch.NodeAttempt) string {
	if n.InstanceID == "" {
		return lifecycle.ReasonStartFailed // it never had a host to lose
	}
	return lifecycle.HostTerminated(n.InstanceID)
}

// announce tells the main node's address to the other nodes, once for each attempt.
func (w *Watcher) announce(ctx context.Context, job batch.Job, members []member) error {
	if !job.IsMultiNode() || len(members) == 0 || w.notes.isAnnounced(job.ID, job.Current.Number) {
		return nil
	}
	m := members[len(members)-1]
	if m.node != job.MainNode || m.pod.Spec.NodeName == "" {
		return nil
	}
	done, err := w.pods.Announce(ctx, m.pod)
	if done && err == nil {
		w.notes.setAnnounced(job.ID, job.Current.Number)
	}
	return err
}

// nudgeAgain is how long a kubelet may take to find the main node's address once it was nudged.
const nudgeAgain = 2 * time.Second

// hasten nudges the kubelets whose containers could not start before the main node's address was known: by themselves they
// try again ten seconds later and more. It returns when to look again.
func (w *Watcher) hasten(ctx context.Context, job batch.Job, members []member) (time.Duration, error) {
	if !job.IsMultiNode() || len(members) == 0 || !w.notes.isAnnounced(job.ID, job.Current.Number) {
		return 0, nil
	}
	var expecting []member
	for _, m := range members {
		if _, reason, _ := stuck(m.pod); m.pod.DeletionTimestamp == nil && isExpectingAddress(job, m, reason) {
			expecting = append(expecting, m)
		}
	}
	if len(expecting) == 0 {
		return 0, nil
	}
	now := w.cfg.Clock.Now()
	if left := w.notes.nudgedAt(job.ID).Add(nudgeAgain).Sub(now); left > 0 {
		return left, nil
	}
	w.notes.setNudged(job.ID, now)
	return nudgeAgain, each(expecting, func(m member) error { return w.pods.Nudge(ctx, m.pod, now) })
}

// isExpectingAddress reports whether a container of a node cannot start because the main node's address is not known yet,
// which is no failure of its own.
func isExpectingAddress(job batch.Job, m member, reason string) bool {
	gang := m.pod.Labels[batchmeta.Gang]
	return m.node != job.MainNode && gang != "" && strings.HasPrefix(reason, "CreateContainerConfigError") && strings.Contains(reason, gang)
}

// notes are what a Watcher remembers of jobs that have pods. All of it may be forgotten: it saves calls and time.
type notes struct {
	mu        sync.Mutex // guards what follows
	lost      map[string]bool
	announced map[string]int       // by job: the attempt
	nudged    map[string]time.Time // by job
}

// setLost says that a pod of the job was deleted.
func (n *notes) setLost(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lost == nil {
		n.lost = map[string]bool{}
	}
	n.lost[id] = true
}

// takeLost tells whether a pod of the job was deleted since it was last asked.
func (n *notes) takeLost(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	lost := n.lost[id]
	delete(n.lost, id)
	return lost
}

func (n *notes) setAnnounced(id string, attempt int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.announced == nil {
		n.announced = map[string]int{}
	}
	n.announced[id] = attempt
}

func (n *notes) isAnnounced(id string, attempt int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.announced[id] == attempt
}

func (n *notes) setNudged(id string, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nudged == nil {
		n.nudged = map[string]time.Time{}
	}
	n.nudged[id] = at
}

func (n *notes) nudgedAt(id string) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nudged[id]
}

// forget drops what is known of a job that has no pods any more.
func (n *notes) forget(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.announced, id)
	delete(n.nudged, id)
}
