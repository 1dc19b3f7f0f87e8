// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Store is what a Watcher asks of the store.
type Store interface {
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	Environments(ctx context.Context) ([]batch.ComputeEnvironment, error)
	Job(ctx context.Context, id string) (batch.Job, error)
	Jobs(ctx context.Context, ids []string) ([]batch.Job, error)
	Live(ctx context.Context, queueNumber int) ([]string, error)
	Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error)
	// Submit and RestoreQueue make records again that were lost.
	Submit(ctx context.Context, queueNumber int, job batch.Job) (batch.Job, error)
	RestoreQueue(ctx context.Context, q batch.JobQueue) error
}

// Dispatcher is who admits jobs.
type Dispatcher interface {
	// Wake says that a budget or a waiting job came back. It does not block.
	Wake()
	// Ensure makes those pods of an admitted job again that were lost before a node was chosen, and those of nodes that are
	// to be replaced.
	Ensure(ctx context.Context, job batch.Job) error
	// Hold keeps pods of the job from being made until release is called.
	Hold(jobID string) (release func())
	// NoCapacity is told of an admitted job for which no node can be launched, as its StatusReason says. It does not block.
	NoCapacity(job batch.Job)
}

// Config tunes a Watcher.
type Config struct {
	// FinishedPodTTL is how long a finished pod is kept for its logs. Default none.
	FinishedPodTTL time.Duration
	// StartTimeout is how long a container may fail to start, as when its image cannot be pulled. Default 2 minutes.
	StartTimeout time.Duration
	// ReplaceTimeout is how long a lost node of a multi-node job that replaces nodes may wait for a new host. Default 5
	// minutes.
	ReplaceTimeout time.Duration
	// Resync is the time between two full reconciles. Default 1 minute.
	Resync time.Duration
	// Workers settle jobs at once. Default 16.
	Workers int
	// Owns tells whether the pods of attempts in a cluster, as batch.Attempt names it, are in this one. Others have a Watcher
	// of their own. Default: those of the home cluster.
	Owns func(cluster string) bool
	// Cluster is what attempts call this cluster; empty for the home cluster.
	Cluster string
	// Found is told of pods that know more than the store. Default nobody is.
	Found func(batch.Finding)
	// Logs keeps logs before pods go. Default: nobody does.
	Logs Logs
	// Events tells people what becomes of attempts. Default: nobody does.
	Events Events
	// Started is told of each attempt whose containers run, with its main pod. Default nobody is.
	Started func(job batch.Job, pod *corev1.Pod)
	// Waits is told, after each full reconcile, how many of the attempts under way do not run, by why; nil once nobody watches
	// any more. Default nobody is.
	Waits func(counts map[Waits]int)
	// Looked is told how each full reconcile went. Default nobody is.
	Looked func(took time.Duration, err error)
	// Clock times attempts. Default the real one.
	Clock clock.WithTicker
}

// Watcher settles jobs by their pods.
type Watcher struct {
	store      Store
	pods       Pods
	dispatcher Dispatcher
	cfg        Config
	work       workqueue.TypedRateLimitingInterface[string] // ids of jobs and of arrays' children
	resync     chan struct{}
	notes      notes
	prices     prices
}

// gangDelay collects what happens to the pods of a multi-node job, so that a thousand nodes cost few writes.
const gangDelay = 100 * time.Millisecond

// New makes a Watcher. Its pods must be synced before Run.
func New(store Store, pods Pods, dispatcher Dispatcher, cfg Config) *Watcher {
	cfg.StartTimeout = cmp.Or(cfg.StartTimeout, 2*time.Minute)
	cfg.ReplaceTimeout = cmp.Or(cfg.ReplaceTimeout, 5*time.Minute)
	cfg.Resync = cmp.Or(cfg.Resync, time.Minute)
	cfg.Workers = cmp.Or(cfg.Workers, 16)
	if cfg.Owns == nil {
		cfg.Owns = func(cluster string) bool { return cluster == "" }
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.Looked == nil {
		cfg.Looked = func(time.Duration, error) {}
	}
	if cfg.Waits == nil {
		cfg.Waits = func(map[Waits]int) {}
	}
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[string](50*time.Millisecond, 10*time.Second)
	return &Watcher{
		store: store, pods: pods, dispatcher: dispatcher, cfg: cfg, resync: make(chan struct{}, 1),
		work: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
			workqueue.TypedRateLimitingQueueConfig[string]{Clock: cfg.Clock}),
	}
}

// PodChanged is told of every pod that was added or changed. It does not block.
func (w *Watcher) PodChanged(pod *corev1.Pod) {
	switch id := ownerOf(pod); {
	case id == "":
	case isGang(pod):
		w.work.AddAfter(id, gangDelay)
	default:
		w.work.Add(id)
	}
}

// PodDeleted is told of every pod that is gone. It does not block.
func (w *Watcher) PodDeleted(pod *corev1.Pod) {
	if w.cfg.Logs != nil {
		w.cfg.Logs.Forget(pod)
	}
	isSettled := isFinished(pod) && !slices.Contains(pod.Finalizers, batchmeta.Tracking)
	if id := ownerOf(pod); id != "" && !isSettled {
		w.notes.setLost(id)
	}
	w.PodChanged(pod)
}

// JobChanged is told of a job that an API call changed. It does not block.
func (w *Watcher) JobChanged(id string) { w.work.Add(id) }

// Resync starts a full reconcile soon, as after hints were missed. It does not block.
func (w *Watcher) Resync() {
	select {
	case w.resync <- struct{}{}:
	default:
	}
}

// Run settles until ctx ends or another leader took over, which is batch.ErrStaleEpoch. Any other error is logged and the
// job tried again.
func (w *Watcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, w.work.ShutDown)
	defer stop()
	var wg sync.WaitGroup
	for range w.cfg.Workers {
		wg.Go(func() {
			for w.settleNext(ctx, cancel) {
			}
		})
	}
	wg.Go(func() { w.resyncLoop(ctx) })
	wg.Wait()
	w.cfg.Waits(nil)
	if err := context.Cause(ctx); errors.Is(err, batch.ErrStaleEpoch) {
		return err
	}
	return nil
}

// settleNext handles one job; it returns false when there will be no more.
func (w *Watcher) settleNext(ctx context.Context, cancel context.CancelCauseFunc) bool {
	id, shutdown := w.work.Get()
	if shutdown {
		return false
	}
	defer w.work.Done(id)
	again, err := w.settle(ctx, id)
	switch {
	case errors.Is(err, batch.ErrStaleEpoch):
		cancel(err)
	case errors.Is(err, batch.ErrNotSent): // of each of the cluster's jobs the same could be said
		klog.FromContext(ctx).V(4).Info("Job waits for its cluster", "job", id, "err", err)
		w.work.AddRateLimited(id)
	case err != nil:
		if ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Job is settled again", "job", id)
		}
		w.work.AddRateLimited(id)
	default:
		w.work.Forget(id)
		if again > 0 {
			w.work.AddAfter(id, again)
		}
	}
	return true
}

func (w *Watcher) resyncLoop(ctx context.Context) {
	ticker := w.cfg.Clock.NewTicker(w.cfg.Resync)
	defer ticker.Stop()
	for {
		start := w.cfg.Clock.Now()
		err := w.reconcile(ctx)
		w.cfg.Looked(w.cfg.Clock.Since(start), err)
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Reconcile is tried again")
		}
		select {
		case <-ctx.Done():
			return
		case <-w.resync:
		case <-ticker.C():
		}
	}
}

// reconcile looks at every pod, and at every attempt under way whose pods it does not see.
func (w *Watcher) reconcile(ctx context.Context) error {
	for _, pod := range w.pods.All() {
		w.PodChanged(pod)
	}
	queues, err := w.store.Queues(ctx)
	if err != nil {
		return err
	}
	count, err := w.newCount(ctx)
	if err != nil {
		return err
	}
	for _, q := range queues {
		ids, err := w.store.Live(ctx, q.Number)
		if err != nil {
			return err
		}
		for page := range slices.Chunk(ids, reconcileAtOnce) {
			if err := w.reconcileJobs(ctx, page, count); err != nil {
				return err
			}
		}
	}
	w.cfg.Waits(count.waits)
	return nil
}

// reconcileAtOnce is how many jobs are read at once: a new leader has all of a hundred thousand in seconds.
const reconcileAtOnce = 500

// reconcileJobs looks at jobs that have attempts under way. What is done about one whose pods are not seen depends on what it
// is by then.
func (w *Watcher) reconcileJobs(ctx context.Context, ids []string, count *count) error {
	jobs, err := w.store.Jobs(ctx, ids)
	if err != nil {
		return err
	}
	for i := range jobs {
		count.add(&jobs[i])
		if w.seesAll(&jobs[i]) {
			continue
		}
		job, err := w.store.Job(ctx, jobs[i].ID)
		if errors.Is(err, batch.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("job %s: %w", jobs[i].ID, err)
		}
		if _, err := w.missing(ctx, job); err != nil {
			return err
		}
	}
	return nil
}

// seesAll reports whether the cache has every pod that the job is to have.
func (w *Watcher) seesAll(job *batch.Job) bool {
	if job.Current == nil {
		return true
	}
	for _, i := range nodesOf(*job) {
		if n := nodeOf(*job, i); !n.Status.IsTerminal() && w.pods.Get(job.Current.PodNamespace, n.PodName) == nil {
			return false
		}
	}
	return true
}
