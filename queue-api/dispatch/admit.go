// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// admit records the admission, then makes the pods. What the attempt took of consumable resources goes back if it is not
// admitted.
func (d *Dispatcher) admit(ctx context.Context, q batch.JobQueue, job batch.Job, e batch.ComputeEnvironment, rank string) error {
	attempt, cluster := len(job.Attempts)+1, d.clusters.Of(e)
	if _, ok := d.clusters.Pods(cluster); !ok { // lost since the round began
		return d.giveBack(ctx, job)
	}
	pods, err := d.makePods(ctx, q, job, e, attempt, rank)
	if invalid, ok := errors.AsType[*batch.Error](err); ok {
		return errors.Join(d.giveBack(ctx, job), d.step(ctx, job.ID, lifecycle.Rejected{Attempt: attempt, Reason: invalid.Message}))
	}
	if err != nil {
		return errors.Join(d.giveBack(ctx, job), err)
	}
	defer d.making.lock(job.ID)()
	found, err := d.record(ctx, job.ID, admission(job, e, cluster, pods))
	switch {
	case errors.Is(err, lifecycle.ErrIllegalTransition), errors.Is(err, batch.ErrNotFound):
		if found.Current != nil && found.Current.Number == attempt {
			return nil // admitted by a round that was cut short; it keeps what it took
		}
		return d.giveBack(ctx, job) // cancelled: no longer waiting
	case err != nil:
		return err // it may have been written: package release looks after what it took
	}
	d.cfg.Metrics.admit(job.Queue)
	klog.FromContext(ctx).V(2).Info("Admitted job", "job", job.ID, "jobQueue", job.Queue, "attempt", attempt,
		"computeEnvironment", e.Name, "pod", klog.KObj(pods[0]), "pods", len(pods))
	err = d.create(ctx, cluster, job.ID, attempt, pods)
	if errors.Is(err, errNoneSent) { // nor before: the admission is this one's. It is another cluster's turn
		d.unmade.remove(job.ID)
		return errors.Join(err, d.step(ctx, job.ID, lifecycle.Withdrawn{Attempt: attempt}))
	}
	return err
}

func admission(job batch.Job, e batch.ComputeEnvironment, cluster string, pods []*corev1.Pod) lifecycle.Admitted {
	ev := lifecycle.Admitted{
		ComputeEnvironment: e.Name, Cluster: cluster, PodName: pods[job.MainNode].Name, PodNamespace: pods[0].Namespace,
	}
	if job.IsMultiNode() {
		for _, pod := range pods {
			ev.Nodes = append(ev.Nodes, pod.Name)
		}
	}
	return ev
}

// Ensure makes the pods of an admitted job again, for a job whose admission was recorded and whose pods were not all made,
// or that has nodes to be replaced. They are made in the cluster that the admission names: others of the attempt may be there.
func (d *Dispatcher) Ensure(ctx context.Context, job batch.Job) error {
	if job.Current == nil || job.Status != batch.StatusRunnable && !slices.ContainsFunc(job.Current.Nodes, batch.NodeAttempt.IsReplacing) {
		return nil
	}
	environments, err := d.store.Environments(ctx)
	if err != nil {
		return err
	}
	q, err := d.queueOf(ctx, job)
	if err != nil {
		return err
	}
	for _, e := range environments {
		if e.Name == job.Current.ComputeEnvironment {
			pods, err := d.makePods(ctx, q, job, e, job.Current.Number, d.ranks.next(q.Priority))
			if invalid, ok := errors.AsType[*batch.Error](err); ok {
				return d.step(ctx, job.ID, lifecycle.Rejected{Attempt: job.Current.Number, Reason: invalid.Message})
			}
			if err != nil {
				return err
			}
			return d.createAgain(ctx, job, unbound(job, pods))
		}
	}
	return d.step(ctx, job.ID, lifecycle.Withdrawn{Attempt: job.Current.Number})
}

// createAgain is create for a job that was admitted before. It looks once more whether the admission stands: what was
// withdrawn meanwhile may be admitted to another cluster.
func (d *Dispatcher) createAgain(ctx context.Context, job batch.Job, pods []*corev1.Pod) error {
	defer d.making.lock(job.ID)()
	now, err := d.store.Job(ctx, job.ID)
	if errors.Is(err, batch.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	at := job.Current
	if now.Current == nil || now.Current.Number != at.Number || now.Current.Cluster != at.Cluster || now.Status != job.Status {
		return nil
	}
	return d.create(ctx, at.Cluster, job.ID, at.Number, pods)
}

// Hold keeps pods of the job from being made until release is called, as while its admission is taken back.
func (d *Dispatcher) Hold(jobID string) (release func()) { return d.making.lock(jobID) }

// queueOf is the job's queue as it is now; one of no priority if it is gone.
func (d *Dispatcher) queueOf(ctx context.Context, job batch.Job) (batch.JobQueue, error) {
	queues, err := d.store.Queues(ctx)
	if err != nil {
		return batch.JobQueue{}, err
	}
	for _, q := range queues {
		if q.Name == job.Queue {
			return q, nil
		}
	}
	return batch.JobQueue{}, nil
}

// preempts reports whether the jobs of a queue may take the room of lower-ranked work: its tags say so.
func preempts(q batch.JobQueue) bool {
	return q.Tags[batchmeta.Preemption] == batchmeta.PreemptionEnabled
}

// unbound leaves out the pods of nodes that were seen with a node: they exist, or their end is known.
func unbound(job batch.Job, pods []*corev1.Pod) []*corev1.Pod {
	if !job.IsMultiNode() {
		return pods
	}
	var out []*corev1.Pod
	for i, n := range job.Current.Nodes {
		if n.Status == batch.StatusRunnable && i < len(pods) {
			pods[i].Name = n.PodName // another one for each replacement
			out = append(out, pods[i])
		}
	}
	return out
}

// makePods gives the pods of an attempt, one, or one for each node of a multi-node job. All have the same rank.
func (d *Dispatcher) makePods(
	ctx context.Context, q batch.JobQueue, job batch.Job, e batch.ComputeEnvironment, attempt int, rank string,
) ([]*corev1.Pod, error) {
	definition, err := d.definitions.get(ctx, d.store, job.Definition)
	if errors.Is(err, batch.ErrNotFound) { // of a job that was adopted from its pods
		return nil, batch.Invalidf("the record of job definition %s was lost", job.Definition)
	}
	if err != nil {
		return nil, fmt.Errorf("definition %s of job %s: %w", job.Definition, job.ID, err)
	}
	return podspec.Pods(podspec.Input{
		Job: job, Definition: definition, Environment: e, Attempt: attempt, Rank: rank, Preempts: preempts(q),
		Traceparent: d.cfg.Traceparent(job.ID, attempt),
	}, d.cfg.Pod)
}

// errNoneSent says that create did not reach the cluster with any of the pods.
var errNoneSent = errors.New("no pod was made")

// create makes the pods of an attempt. One that Kubernetes will never take fails the job and takes the others back, and one
// that it does not take now explains the job, both in Kubernetes' own words. Any other is made in a later round.
func (d *Dispatcher) create(ctx context.Context, cluster, jobID string, attempt int, pods []*corev1.Pod) error {
	into, ok := d.clusters.Pods(cluster)
	if !ok {
		d.unmade.add(jobID, cluster)
		return fmt.Errorf("create pods of job %s: %w: %w", jobID, errNoneSent, batch.ErrNotSent)
	}
	errs := d.createIn(ctx, into, pods)
	if err := firstOf(errs, ErrRejected); err != nil {
		rejected := d.step(ctx, jobID, lifecycle.Rejected{Attempt: attempt, Reason: err.Error()})
		return errors.Join(rejected, d.withdraw(ctx, into, pods))
	}
	if err := firstOf(errs, nil); err != nil {
		d.unmade.add(jobID, cluster)
		if !slices.ContainsFunc(errs, wasSent) {
			err = fmt.Errorf("%w: %w", errNoneSent, err)
		}
		return fmt.Errorf("create pods of job %s: %w", jobID, err)
	}
	if err := firstOf(errs, ErrRefused); err != nil { // tried again by the watcher's reconcile
		return d.step(ctx, jobID, lifecycle.Blocked{Reason: err.Error()})
	}
	return nil
}

// createIn makes the pods, a few at once, and gives each one's error.
func (d *Dispatcher) createIn(ctx context.Context, into Pods, pods []*corev1.Pod) []error {
	errs := make([]error, len(pods))
	var group errgroup.Group
	group.SetLimit(d.cfg.Parallel)
	for i, pod := range pods {
		group.Go(func() error {
			errs[i] = into.Create(ctx, pod)
			return nil
		})
	}
	_ = group.Wait() // each tells in errs
	return errs
}

// firstOf gives the first error of a class; of no class at all if that is nil.
func firstOf(errs []error, class error) error {
	for _, err := range errs {
		switch {
		case err == nil:
		case class != nil && errors.Is(err, class):
			return err
		case class == nil && !errors.Is(err, ErrRejected) && !errors.Is(err, ErrRefused):
			return err
		}
	}
	return nil
}

func wasSent(err error) bool { return !errors.Is(err, batch.ErrNotSent) }

// withdraw deletes pods that have no node yet.
func (d *Dispatcher) withdraw(ctx context.Context, from Pods, pods []*corev1.Pod) error {
	var group errgroup.Group
	group.SetLimit(d.cfg.Parallel)
	for _, pod := range pods {
		group.Go(func() error { return from.Withdraw(ctx, pod.Namespace, pod.Name) })
	}
	return group.Wait()
}

// step applies an event to a job and writes what follows.
func (d *Dispatcher) step(ctx context.Context, jobID string, ev lifecycle.Event) error {
	_, err := d.record(ctx, jobID, ev)
	return err
}

// record is step for those who need the job as it was found.
func (d *Dispatcher) record(ctx context.Context, jobID string, ev lifecycle.Event) (found batch.Job, err error) {
	_, err = d.store.Transition(ctx, jobID, func(job batch.Job) (batch.Job, error) {
		found = job
		next, _, err := lifecycle.Step(job, ev, d.cfg.Clock.Now())
		return next, err
	})
	return found, err
}
