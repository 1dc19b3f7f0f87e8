// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// Status reasons of healthy and unhealthy environments, AWS Batch's own words.
const (
	reasonHealthy     = "ComputeEnvironment Healthy"
	reasonNoNamespace = "CLIENT_ERROR - Unable to validate Kubernetes Namespace"
)

// ResourceStore is what Resources asks of the store.
type ResourceStore interface {
	Environments(ctx context.Context) ([]batch.ComputeEnvironment, error)
	UpdateEnvironment(ctx context.Context, name string, change func(*batch.ComputeEnvironment) error) (batch.ComputeEnvironment, error)
	DeleteEnvironment(ctx context.Context, name string) error
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	Usage(ctx context.Context, queueNumber int) (map[string]int64, error)
	CloseQueue(ctx context.Context, number int) error
	DeleteQueue(ctx context.Context, name string) error
	Settled(ctx context.Context, queueNumber int, after int64, limit int) ([]batch.Settled, error)
	ListJobs(ctx context.Context, queueNumber int, status batch.JobStatus, after string, limit int) ([]batch.Job, string, error)
	Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error)
	Prune(ctx context.Context, queueNumber int) error
	PruneDeleted(ctx context.Context) error
}

// Resources moves queues and environments to where their owners want them.
type Resources struct {
	store     ResourceStore
	hosts     Hosts
	namespace string // of environments that name none
	clock     clock.WithTicker
	wake      chan struct{}
	// Looked is told how each round went. Default nobody is.
	Looked func(took time.Duration, err error)
}

// resourceTick is the time between two rounds that nothing woke.
const resourceTick = 5 * time.Second

// NewResources makes a Resources; namespace is where pods go when their environment names none.
func NewResources(store ResourceStore, hosts Hosts, namespace string, clk clock.WithTicker) *Resources {
	return &Resources{store: store, hosts: hosts, namespace: namespace, clock: clk, wake: make(chan struct{}, 1), Looked: func(time.Duration, error) {}}
}

// Wake starts a round soon. It does not block.
func (r *Resources) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends or another leader took over, which is batch.ErrStaleEpoch.
func (r *Resources) Run(ctx context.Context) error {
	ticker := r.clock.NewTicker(resourceTick)
	defer ticker.Stop()
	for {
		start := r.clock.Now()
		err := errors.Join(r.environments(ctx), r.queues(ctx))
		r.Looked(r.clock.Since(start), err)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, batch.ErrStaleEpoch):
			return err
		case err != nil:
			klog.FromContext(ctx).Error(err, "Resources are looked at again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-ticker.C():
		}
	}
}

func (r *Resources) environments(ctx context.Context) error {
	all, err := r.store.Environments(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range all {
		errs = append(errs, r.environment(ctx, e))
	}
	return errors.Join(errs...)
}

func (r *Resources) environment(ctx context.Context, e batch.ComputeEnvironment) error {
	cluster, err := r.hosts.Host(e)
	switch reason := reasonNoHost(e, err); {
	case e.Status == batch.ResourceDeleting:
		return r.deleteEnvironment(ctx, e, cluster, err)
	case reason != "":
		return r.judge(ctx, e, batch.ResourceInvalid, reason, e.Report)
	case err != nil && e.Status == batch.ResourceValid: // nobody knows better
		return nil
	case err != nil:
		return fmt.Errorf("validate compute environment %s: %w", e.Name, err)
	}
	if e.Status, err = r.validate(ctx, e, cluster); err != nil || e.AcceptsWork() {
		return err
	}
	// Admission is revocable until a pod is bound: its jobs wait again and try the next environment.
	return cluster.DeleteUnbound(ctx, e.UUID)
}

// validate makes an environment VALID, or INVALID with the reason, and tells which; an INVALID one is looked at again and
// again. What the autoscaler said is kept with it: it stays true when the autoscaler is gone, and for the next leader.
func (r *Resources) validate(ctx context.Context, e batch.ComputeEnvironment, cluster Cluster) (batch.ResourceStatus, error) {
	report := cmp.Or(cluster.Report(ctx, e.UUID), e.Report)
	status, reason, err := r.verdict(ctx, &e, report, cluster)
	if err != nil {
		return e.Status, fmt.Errorf("validate compute environment %s: %w", e.Name, err)
	}
	return status, r.judge(ctx, e, status, reason, report)
}

// verdict is the status that an environment is to have, and why. One that is VALID has been looked at: only the autoscaler
// can tell of something new.
func (r *Resources) verdict(
	ctx context.Context, e *batch.ComputeEnvironment, report *batch.Report, cluster Cluster,
) (status batch.ResourceStatus, reason string, err error) {
	status, reason = batch.ResourceValid, reasonHealthy
	if e.Status != batch.ResourceValid {
		ok, err := cluster.NamespaceExists(ctx, r.namespaceOf(e))
		if err != nil {
			return "", "", err
		}
		if !ok {
			return batch.ResourceInvalid, reasonNoNamespace, nil
		}
		updating, err := isUpdating(ctx, *e, cluster)
		if err != nil {
			return "", "", err
		}
		if updating {
			status = batch.ResourceUpdating
		}
	}
	if report == nil || e.IsOutdated(report) {
		return status, reason, nil
	}
	if report.Status == batch.ResourceInvalid {
		status = batch.ResourceInvalid
	}
	return status, cmp.Or(report.StatusReason, reason), nil
}

func (r *Resources) namespaceOf(e *batch.ComputeEnvironment) string {
	if e.EKS != nil && e.EKS.Namespace != "" {
		return e.EKS.Namespace
	}
	return r.namespace
}

// judge gives an environment its status and the reason, and keeps what they follow from.
func (r *Resources) judge(
	ctx context.Context, e batch.ComputeEnvironment, status batch.ResourceStatus, reason string, report *batch.Report,
) error {
	if e.Status == status && e.StatusReason == reason && reflect.DeepEqual(e.Report, report) {
		return nil
	}
	_, err := r.store.UpdateEnvironment(ctx, e.Name, func(now *batch.ComputeEnvironment) error {
		if now.UUID == e.UUID && now.Status != batch.ResourceDeleting && now.Generation == e.Generation {
			now.Status, now.StatusReason, now.Report = status, reason, report
		}
		return nil
	})
	if errors.Is(err, batch.ErrNotFound) {
		return nil
	}
	return err
}

// isUpdating reports whether an infrastructure update is under way: nodes of an earlier generation are yet to go. Nodes of an
// unmanaged environment are the admin's.
func isUpdating(ctx context.Context, e batch.ComputeEnvironment, cluster Cluster) (bool, error) {
	if e.Type != batch.Managed || e.Generation <= 1 {
		return false, nil
	}
	return cluster.HasOutdatedNodes(ctx, e.UUID, e.Generation)
}

// deleteEnvironment forgets an environment once no attempt under way is in it and its nodes are gone; nodes of an unmanaged
// one are the admin's, and of a cluster that is not registered nobody can tell. Until then no pod waits for a node.
func (r *Resources) deleteEnvironment(ctx context.Context, e batch.ComputeEnvironment, cluster Cluster, noHost error) error {
	used, err := r.isUsed(ctx, e.Name)
	switch {
	case err != nil, errors.Is(noHost, ErrNoCluster):
	case noHost != nil:
		err = noHost
	default:
		err = cluster.DeleteUnbound(ctx, e.UUID)
		if err == nil && !used && e.Type == batch.Managed {
			used, err = cluster.HasNodes(ctx, e.UUID)
		}
	}
	if err != nil {
		return fmt.Errorf("delete compute environment %s: %w", e.Name, err)
	}
	if used {
		return nil
	}
	klog.FromContext(ctx).Info("Deleted compute environment", "computeEnvironment", e.Name)
	return r.store.DeleteEnvironment(ctx, e.Name)
}

// isUsed reports whether an attempt under way holds some of the environment.
func (r *Resources) isUsed(ctx context.Context, environment string) (bool, error) {
	queues, err := r.store.Queues(ctx)
	if err != nil {
		return false, err
	}
	for _, q := range queues {
		usage, err := r.store.Usage(ctx, q.Number)
		if err != nil || usage[environment] > 0 {
			return true, err
		}
	}
	return false, nil
}

func (r *Resources) queues(ctx context.Context) error {
	all, err := r.store.Queues(ctx)
	if err != nil {
		return err
	}
	errs := []error{r.store.PruneDeleted(ctx)}
	for _, q := range all {
		if q.Status == batch.ResourceDeleting {
			errs = append(errs, r.deleteQueue(ctx, q))
			continue
		}
		errs = append(errs, r.store.Prune(ctx, q.Number))
	}
	return errors.Join(errs...)
}

// deleteQueue stops the queue's jobs and forgets it once all of them have ended and whoever waited for one, in whichever
// queue, was told. AWS Batch: jobs left in a deleted queue are terminated.
func (r *Resources) deleteQueue(ctx context.Context, q batch.JobQueue) error {
	if err := r.store.CloseQueue(ctx, q.Number); err != nil {
		return err
	}
	left := false
	for _, status := range stopOrder {
		some, err := r.terminateAll(ctx, q, status)
		if err != nil {
			return fmt.Errorf("delete job queue %s: %w", q.Name, err)
		}
		left = left || some
	}
	settled, err := r.store.Settled(ctx, q.Number, 0, 1)
	if err != nil || left || len(settled) > 0 {
		return err
	}
	klog.FromContext(ctx).Info("Deleted job queue", "jobQueue", q.Name)
	return r.store.DeleteQueue(ctx, q.Name)
}

// terminateAll stops the queue's jobs of one status, page by page. left tells whether some have not ended by that: their
// pods are being stopped, or they are arrays, whose children end first.
func (r *Resources) terminateAll(ctx context.Context, q batch.JobQueue, status batch.JobStatus) (left bool, err error) {
	var living atomic.Bool
	for after := ""; ; {
		jobs, next, err := r.store.ListJobs(ctx, q.Number, status, after, terminateBatch)
		if err != nil {
			return false, err
		}
		var group errgroup.Group
		group.SetLimit(terminateParallel)
		for _, job := range jobs {
			group.Go(func() error {
				ended, err := r.terminate(ctx, job.ID)
				if err == nil && !ended.Status.IsTerminal() {
					living.Store(true)
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return false, err
		}
		if after = next; after == "" {
			return living.Load(), nil
		}
	}
}

// stopOrder is the statuses in life order, and RUNNABLE again, to which a retried job returns: so none slips by.
var stopOrder = [...]batch.JobStatus{
	batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable, batch.StatusStarting, batch.StatusRunning, batch.StatusRunnable,
}

// The jobs of a queue that is being deleted are stopped so many at once, page by page.
const (
	terminateBatch    = 1000
	terminateParallel = 16
)

func (r *Resources) terminate(ctx context.Context, jobID string) (batch.Job, error) {
	job, err := r.store.Transition(ctx, jobID, func(job batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(job, lifecycle.Terminated{Reason: lifecycle.ReasonQueueDeleted}, r.clock.Now())
		return next, err
	})
	if errors.Is(err, batch.ErrNotFound) {
		return batch.Job{Status: batch.StatusFailed}, nil // it ended long ago: its record has expired
	}
	return job, err
}
