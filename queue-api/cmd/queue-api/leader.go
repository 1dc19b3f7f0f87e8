// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/clusters"
	"github.com/muster-batch/muster/queue-api/dispatch"
	"github.com/muster-batch/muster/queue-api/events"
	"github.com/muster-batch/muster/queue-api/fsck"
	"github.com/muster-batch/muster/queue-api/logs"
	"github.com/muster-batch/muster/queue-api/meter"
	"github.com/muster-batch/muster/queue-api/podevents"
	"github.com/muster-batch/muster/queue-api/podwatch"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/release"
	"github.com/muster-batch/muster/queue-api/reports"
	"github.com/muster-batch/muster/queue-api/summary"
	"github.com/muster-batch/muster/queue-api/tracing"
)

// retryDelay lies between two leaderships of one process.
const retryDelay = 500 * time.Millisecond

// elect takes part in the election until ctx ends. The Lease keeps others waiting; the store's epoch makes sure that one
// who does not know yet that it lost can write no more.
func elect(ctx context.Context, kube cluster, o options, store *redisstore.Store, keep lasting) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	keep.host = host
	lock := &resourcelock.LeaseLock{
		LeaseMeta: metav1.ObjectMeta{Name: "queue-api", Namespace: o.leaseNamespace},
		Client:    kube.coordination,
		// No two processes share an address: a restarted one takes its own Lease up again without waiting.
		LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + o.listen},
	}
	for ctx.Err() == nil {
		if err := campaign(ctx, lock, func(ctx context.Context) error { return lead(ctx, kube, o, store, keep) }); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryDelay):
		}
	}
	return nil
}

// campaign waits for the Lease, leads while it holds it, and returns once lead has returned. A lead that fails gives the
// Lease back.
func campaign(ctx context.Context, lock resourcelock.Interface, lead func(context.Context) error) error {
	term, cancel := context.WithCancel(ctx)
	defer cancel()
	var started atomic.Bool
	ended := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: time.Second,
		ReleaseOnCancel: true, Name: "queue-api",
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				started.Store(true)
				defer close(ended)
				defer cancel()
				if err := lead(ctx); err != nil && ctx.Err() == nil {
					klog.FromContext(ctx).Error(err, "Leadership ended")
				}
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	elector.Run(term)
	if started.Load() {
		<-ended
	}
	return nil
}

// lasting is what one leadership leaves to the next one of the process.
type lasting struct {
	webhooks   *events.Webhooks
	metrics    dispatch.Metrics
	registered *clusters.Registry // may be nil
	reachable  reachable
	checks     fsck.Metrics
	logs       *logArchive // may be nil
	count      *meters
	traces     *tracing.Jobs // may be nil
	events     podevents.Metrics
	host       string // name of this machine, or pod
}

// parts are what only the leader runs.
type parts struct {
	dispatcher *dispatch.Dispatcher
	watcher    *podwatch.Watcher // of the home cluster
	collector  *logs.Collector   // of the home cluster; may be nil
	events     *podevents.Recorder
	clusters   *clusterSet
	releaser   *release.Releaser
	resources  *dispatch.Resources
}

// afterEnds is the dispatcher as the watcher knows it: whatever gives a budget back may also let other jobs go.
type afterEnds struct {
	*dispatch.Dispatcher
	releaser *release.Releaser
}

// Wake implements podwatch.Dispatcher.
func (a afterEnds) Wake() {
	a.Dispatcher.Wake()
	a.releaser.Wake()
}

func newParts(kube cluster, o options, store *redisstore.Store, view clusterView, keep lasting) (parts, error) {
	cfg, err := o.dispatcher()
	if err != nil {
		return parts{}, err
	}
	cfg.Waits = func(queue string, w dispatch.Waits) { keep.count.pending.Waits(queue, meter.Waiting(w)) }
	cfg.Metrics, cfg.Looked, cfg.Traceparent = keep.metrics, keep.count.loops.Of(loopDispatch), keep.traces.Traceparent
	p := parts{events: podevents.New(kube.logs, keep.events, podevents.Config{Host: keep.host})}
	p.clusters = &clusterSet{
		home: view, homePods: dispatch.PodClient{Client: kube.core, Created: p.events.Admitted}, self: o.cluster, registry: keep.registered, clock: clock.RealClock{},
	}
	p.dispatcher = dispatch.New(store, p.clusters, cfg)
	p.releaser = release.New(store, p.dispatcher, release.Config{Looked: keep.count.loops.Of(loopRelease)})
	p.resources = dispatch.NewResources(store, p.clusters, o.namespace, clock.RealClock{})
	p.resources.Looked = keep.count.loops.Of(loopResources)
	settle := func(pods *podwatch.Cluster, cluster string, owns func(string) bool, collector *logs.Collector, events *podevents.Recorder) *podwatch.Watcher {
		cfg := podwatch.Config{
			FinishedPodTTL: o.finishedPodTTL, StartTimeout: o.pullTimeout, Owns: owns, Cluster: cluster,
			Found: func(f batch.Finding) { keep.checks.Found(f.Check) }, Looked: keep.count.loops.Of(loopSettle), Events: events, Started: keep.traces.Started,
			Waits: func(counts map[podwatch.Waits]int) { keep.count.admitted(cluster, counts) },
		}
		keeps(&cfg, collector)
		return podwatch.New(store, pods, afterEnds{p.dispatcher, p.releaser}, cfg)
	}
	p.collector = keep.logs.collector(kube.logs)
	p.watcher = settle(view.Cluster, "", nil, p.collector, p.events)
	p.clusters.join = joiner{o, keep.logs, settle, keep.reachable, keep.events, func() {
		p.dispatcher.Wake()
		p.resources.Wake()
	}}.join
	return p, nil
}

// lead dispatches and settles until ctx ends or another leader takes over.
func lead(ctx context.Context, kube cluster, o options, store *redisstore.Store, keep lasting) error {
	mine, err := store.Lead(ctx)
	if err != nil {
		return err
	}
	klog.FromContext(ctx).Info("Leading")
	keep.count.leading.Set(1)
	defer keep.count.leading.Set(0)
	defer keep.count.pending.Forget()
	pods, err := podwatch.NewCluster(kube.core, kube.core.RESTClient())
	if err != nil {
		return err
	}
	said, err := reports.New(kube.core, o.leaseNamespace)
	if err != nil {
		return err
	}
	p, err := newParts(kube, o, mine, clusterView{pods, said}, keep)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	synced := make(chan struct{})
	group.Go(func() error { return pods.Run(ctx, p.watcher, func() { close(synced) }) })
	group.Go(func() error { return said.Run(ctx, p.resources.Wake) })
	group.Go(func() error { return p.clusters.Run(ctx) })
	group.Go(func() error { return pulse(ctx, mine) })
	group.Go(func() error { return p.events.Run(ctx) })
	group.Go(func() error { return keep.count.state.Run(ctx, mine) })
	group.Go(func() error {
		// Nothing is decided on half a view.
		select {
		case <-ctx.Done():
			return p.watcher.Run(ctx) // returns at once and lets go of what waits for it
		case <-synced:
		}
		p.clusters.await(ctx)
		// A store that went back in time learns from the pods before anything new is made of what it says.
		if err := p.watcher.Adopt(ctx); err != nil {
			return err
		}
		group.Go(func() error { return p.dispatcher.Run(ctx) })
		group.Go(func() error { return p.watcher.Run(ctx) })
		group.Go(func() error { return runCollector(ctx, p.collector) })
		group.Go(func() error { return keep.logs.runExpiry(ctx) })
		group.Go(func() error { return p.releaser.Run(ctx) })
		group.Go(func() error { return p.resources.Run(ctx) })
		group.Go(func() error { return keep.webhooks.Run(ctx) })
		group.Go(func() error { return summary.NewRecorder(mine, clock.RealClock{}).Run(ctx) })
		group.Go(func() error { return fsck.New(mine, fsck.Config{Metrics: keep.checks}).Run(ctx) })
		return p.listen(ctx, mine)
	})
	return group.Wait()
}

// pulseEvery lies between two pulses.
const pulseEvery = time.Second

// pulse ends the leadership, with batch.ErrStaleEpoch, once Redis went back in time.
func pulse(ctx context.Context, store *redisstore.Store) error {
	ticker := time.NewTicker(pulseEvery)
	defer ticker.Stop()
	for {
		if err := store.Pulse(ctx); errors.Is(err, batch.ErrStaleEpoch) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// listen passes on what other writers tell, and has everything looked at again after it could have missed something.
func (p parts) listen(ctx context.Context, store *redisstore.Store) error {
	for ctx.Err() == nil {
		err := store.Changes(ctx, p.lookAgain, p.tell)
		if ctx.Err() == nil && !errors.Is(err, batch.ErrStaleEpoch) {
			klog.FromContext(ctx).Error(err, "Hints from Redis broke off")
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryDelay):
		}
	}
	return nil
}

func (p parts) lookAgain() {
	p.dispatcher.Wake()
	p.eachWatcher((*podwatch.Watcher).Resync)
	p.releaser.Wake()
	p.resources.Wake()
}

// eachWatcher tells those of all clusters: only the store knows which has the pods of a job.
func (p parts) eachWatcher(tell func(*podwatch.Watcher)) {
	tell(p.watcher)
	for _, m := range p.clusters.all() {
		tell(m.watcher)
	}
}

func (p parts) tell(c redisstore.Change) {
	p.dispatcher.Wake()
	switch {
	case c.Queue != 0:
	case c.Job != "":
		p.eachWatcher(func(w *podwatch.Watcher) { w.JobChanged(c.Job) })
		p.releaser.Wake()
	default:
		p.resources.Wake()
	}
}
