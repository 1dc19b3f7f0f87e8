// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fairshare"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// Store is what a Dispatcher asks of the store.
type Store interface {
	Environments(ctx context.Context) ([]batch.ComputeEnvironment, error)
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	Definition(ctx context.Context, ref batch.DefinitionRef) (batch.JobDefinition, error)
	Waiting(ctx context.Context, queueNumber, limit int) ([]batch.Job, error)
	Usage(ctx context.Context, queueNumber int) (map[string]int64, error)
	Job(ctx context.Context, id string) (batch.Job, error)
	Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error)
}

// Pods makes pods. Create succeeds if the pod exists already. It fails with ErrRejected if the pod can never be made as it
// is, with ErrRefused if somebody must change something in the cluster first, and with any other error if it may be tried
// again soon.
type Pods interface {
	Create(ctx context.Context, pod *corev1.Pod) error
}

var (
	// ErrRejected says that Kubernetes refuses a pod for what is in it.
	ErrRejected = errors.New("pod is invalid")
	// ErrRefused says that Kubernetes refuses a pod for what is around it: a namespace, a quota, a right.
	ErrRefused = errors.New("ACTION_REQUIRED - Kubernetes refuses the pod")
)

// Config tunes a Dispatcher.
type Config struct {
	// Pod are the server's defaults for pods.
	Pod podspec.Options
	// Tick is the longest time between two rounds; changes start one at once. Default 1 s.
	Tick time.Duration
	// Batch bounds the jobs of one queue looked at in a round. Default 500.
	Batch int
	// Parallel bounds the pods made at once. Default 16.
	Parallel int
	// Clock ranks pods and starts rounds. Default the real one.
	Clock clock.WithTicker
}

// Dispatcher admits jobs.
type Dispatcher struct {
	store       Store
	pods        Pods
	cfg         Config
	wake        chan struct{}
	definitions definitionCache
	ranks       ranks
	unmade      jobSet // admitted jobs whose pod could not be made
}

// New makes a Dispatcher.
func New(store Store, pods Pods, cfg Config) *Dispatcher {
	cfg.Tick = cmp.Or(cfg.Tick, time.Second)
	cfg.Batch = cmp.Or(cfg.Batch, 500)
	cfg.Parallel = cmp.Or(cfg.Parallel, 16)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Dispatcher{store: store, pods: pods, cfg: cfg, wake: make(chan struct{}, 1), ranks: ranks{clock: cfg.Clock}}
}

// Wake starts a round soon. It does not block.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run dispatches until ctx ends or another leader took over, which is batch.ErrStaleEpoch. Any other error is logged and
// the round tried again.
func (d *Dispatcher) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	ticker := d.cfg.Clock.NewTicker(d.cfg.Tick)
	defer ticker.Stop()
	for {
		err := d.runOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, batch.ErrStaleEpoch):
			return err
		case err != nil:
			logger.Error(err, "Dispatch round is tried again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-ticker.C():
		}
	}
}

// runOnce is one round over all queues, highest priority first, after what the last round could not finish.
func (d *Dispatcher) runOnce(ctx context.Context) error {
	unfinished := d.finish(ctx)
	environments, err := d.store.Environments(ctx)
	if err != nil {
		return err
	}
	queues, err := d.store.Queues(ctx)
	if err != nil {
		return err
	}
	budgets, err := d.budgets(ctx, environments, queues)
	if err != nil {
		return err
	}
	byName := make(map[string]batch.ComputeEnvironment, len(environments))
	for _, e := range environments {
		byName[e.Name] = e
	}
	// AWS Batch: higher priority first.
	slices.SortStableFunc(queues, func(a, b batch.JobQueue) int { return cmp.Compare(b.Priority, a.Priority) })
	errs := []error{unfinished}
	for _, q := range queues {
		if q.Status != batch.ResourceDeleting {
			errs = append(errs, d.dispatchQueue(ctx, q, byName, budgets))
		}
	}
	return errors.Join(errs...)
}

// finish makes the pods that could not be made when their jobs were admitted. The first failure ends it: the API server
// is asked once a round, not once a job, while it is down.
func (d *Dispatcher) finish(ctx context.Context) error {
	for _, id := range d.unmade.all() {
		job, err := d.store.Job(ctx, id)
		if err != nil && !errors.Is(err, batch.ErrNotFound) {
			return err
		}
		if err == nil {
			if err := d.Ensure(ctx, job); err != nil {
				return err
			}
		}
		d.unmade.remove(id)
	}
	return nil
}

// budgets are what the environments have left: their vCPUs less what every queue's attempts under way hold.
func (d *Dispatcher) budgets(ctx context.Context, environments []batch.ComputeEnvironment, queues []batch.JobQueue) (map[string]*fairshare.Budget, error) {
	budgets := make(map[string]*fairshare.Budget, len(environments))
	for _, e := range environments {
		milli := int64(e.MaxvCPUs) * 1000
		budgets[e.Name] = &fairshare.Budget{
			Name: e.Name, Accepts: e.AcceptsWork(), Milli: milli, MaxMilli: milli,
			Unlimited: e.Type == batch.Unmanaged && e.MaxvCPUs == 0,
		}
	}
	for _, q := range queues {
		usage, err := d.store.Usage(ctx, q.Number)
		if err != nil {
			return nil, err
		}
		for environment, milli := range usage {
			if b := budgets[environment]; b != nil {
				b.Milli -= milli
			}
		}
	}
	return budgets, nil
}

// dispatchQueue admits what one queue may have now. It goes on after a full batch until the head does not fit.
func (d *Dispatcher) dispatchQueue(ctx context.Context, q batch.JobQueue, environments map[string]batch.ComputeEnvironment, budgets map[string]*fairshare.Budget) error {
	environmentOrder := slices.SortedFunc(slices.Values(q.Environments), func(a, b batch.EnvironmentOrder) int {
		return cmp.Compare(a.Order, b.Order)
	})
	var mine []*fairshare.Budget
	for _, e := range environmentOrder {
		if b := budgets[e.Name]; b != nil {
			mine = append(mine, b)
		}
	}
	jobs, err := d.store.Waiting(ctx, q.Number, d.cfg.Batch)
	if err != nil || len(jobs) == 0 {
		return err
	}
	order := fairshare.NewFIFO(func(string, string, int) ([]batch.Job, string, error) { return jobs, "", nil })
	verdicts, _, err := fairshare.Admit(order, mine, fairshare.Options{})
	if err != nil {
		return err
	}
	var group errgroup.Group // one job's trouble is not another's
	group.SetLimit(d.cfg.Parallel)
	admitted := 0
	for _, v := range verdicts {
		switch {
		case v.Environment != "":
			admitted++
			rank := d.ranks.next(q.Priority)
			group.Go(func() error { return d.admit(ctx, v.Job, environments[v.Environment], rank) })
		case v.Blocked != v.Job.StatusReason && v.Blocked != "":
			group.Go(func() error { return d.step(ctx, v.Job.ID, lifecycle.Blocked{Reason: v.Blocked}) })
		}
	}
	if admitted == d.cfg.Batch {
		d.Wake()
	}
	return group.Wait()
}

// admit records the admission, then makes the pod.
func (d *Dispatcher) admit(ctx context.Context, job batch.Job, e batch.ComputeEnvironment, rank string) error {
	attempt := len(job.Attempts) + 1
	pod, err := d.makePod(ctx, job, e, attempt, rank)
	if invalid, ok := errors.AsType[*batch.Error](err); ok {
		return d.step(ctx, job.ID, lifecycle.Rejected{Attempt: attempt, Reason: invalid.Message})
	}
	if err != nil {
		return err
	}
	ev := lifecycle.Admitted{ComputeEnvironment: e.Name, PodName: pod.Name, PodNamespace: pod.Namespace}
	err = d.step(ctx, job.ID, ev)
	switch {
	case errors.Is(err, lifecycle.ErrIllegalTransition), errors.Is(err, batch.ErrNotFound):
		return nil // cancelled, or admitted by a round that was cut short: no longer waiting
	case err != nil:
		return err
	}
	klog.FromContext(ctx).V(2).Info("Admitted job", "job", job.ID, "jobQueue", job.Queue, "attempt", attempt,
		"computeEnvironment", e.Name, "pod", klog.KObj(pod))
	return d.create(ctx, job.ID, attempt, pod)
}

// Ensure makes the pod of an admitted job again, for a job whose admission was recorded and whose pod was not made.
func (d *Dispatcher) Ensure(ctx context.Context, job batch.Job) error {
	if job.Current == nil || job.Status != batch.StatusRunnable {
		return nil
	}
	environments, err := d.store.Environments(ctx)
	if err != nil {
		return err
	}
	for _, e := range environments {
		if e.Name == job.Current.ComputeEnvironment {
			pod, err := d.makePod(ctx, job, e, job.Current.Number, d.ranks.next(0))
			if err != nil {
				return err
			}
			return d.create(ctx, job.ID, job.Current.Number, pod)
		}
	}
	return d.step(ctx, job.ID, lifecycle.Withdrawn{Attempt: job.Current.Number})
}

func (d *Dispatcher) makePod(ctx context.Context, job batch.Job, e batch.ComputeEnvironment, attempt int, rank string) (*corev1.Pod, error) {
	definition, err := d.definitions.get(ctx, d.store, job.Definition)
	if err != nil {
		return nil, fmt.Errorf("definition %s of job %s: %w", job.Definition, job.ID, err)
	}
	return podspec.Pod(podspec.Input{Job: job, Definition: definition, Environment: e, Attempt: attempt, Rank: rank}, d.cfg.Pod)
}

// create makes the pod. A pod that Kubernetes will never take fails its job, and one that it does not take now explains it,
// both in Kubernetes' own words.
func (d *Dispatcher) create(ctx context.Context, jobID string, attempt int, pod *corev1.Pod) error {
	err := d.pods.Create(ctx, pod)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrRejected):
		return d.step(ctx, jobID, lifecycle.Rejected{Attempt: attempt, Reason: err.Error()})
	case errors.Is(err, ErrRefused): // tried again by the watcher's reconcile
		return d.step(ctx, jobID, lifecycle.Blocked{Reason: err.Error()})
	default:
		d.unmade.add(jobID)
		return fmt.Errorf("create pod %s of job %s: %w", klog.KObj(pod), jobID, err)
	}
}

func (d *Dispatcher) step(ctx context.Context, jobID string, ev lifecycle.Event) error {
	_, err := d.store.Transition(ctx, jobID, func(job batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(job, ev, d.cfg.Clock.Now())
		return next, err
	})
	return err
}
