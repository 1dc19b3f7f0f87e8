// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/muster-batch/muster/plugins/plugintest/virtual"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/dispatch"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/podwatch"
	"github.com/muster-batch/muster/queue-api/release"
)

// leader is queue-api's leader, put together as its main package does.
type leader struct {
	store   *faulty
	link    *virtual.Link
	watcher *podwatch.Watcher
	parts   afterEnds
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// afterEnds is the dispatcher as the watcher knows it.
type afterEnds struct {
	*dispatch.Dispatcher

	releaser *release.Releaser
}

// Wake implements podwatch.Dispatcher.
func (a afterEnds) Wake() {
	a.Dispatcher.Wake()
	a.releaser.Wake()
}

// home is the only cluster.
type home struct{ pods dispatch.Pods }

// Of implements dispatch.Clusters.
func (home) Of(batch.ComputeEnvironment) string { return "" }

// Pods implements dispatch.Clusters.
func (h home) Pods(string) (dispatch.Pods, bool) { return h.pods, true }

// lead starts a leader. The one before must be dead.
func (w *world) lead() {
	w.terms++
	name := fmt.Sprint("queue-api ", w.terms)
	l := &leader{store: &faulty{Memory: w.store, chance: w.chance, faults: &w.faults}}
	if w.isPlanted {
		l.store.skips = 4
	}
	l.link = w.c.Link(name, func(verb, path string) virtual.Fault {
		fault := w.chance.of(name, verb, path)
		if fault != virtual.None {
			w.faults.Add(1)
		}
		return fault
	})
	client, err := rest.HTTPClientFor(l.link.Config())
	w.must(err)
	core, err := corev1client.NewForConfigAndClient(l.link.Config(), client)
	w.must(err)
	pods, err := podwatch.NewCluster(core, core.RESTClient())
	w.must(err)
	l.parts.Dispatcher = dispatch.New(l.store, home{dispatch.PodClient{Client: core}}, dispatch.Config{Pod: podspec.Options{Namespace: "jobs"}})
	l.parts.releaser = release.New(l.store, l.parts.Dispatcher, release.Config{})
	l.watcher = podwatch.New(l.store, pods, l.parts, podwatch.Config{})
	ctx, cancel := context.WithCancel(w.quiet())
	l.cancel = cancel
	synced := make(chan struct{})
	l.running.Go(func() { _ = pods.Run(ctx, l.watcher, func() { close(synced) }) })
	l.running.Go(func() {
		select {
		case <-ctx.Done():
		case <-synced:
			l.work(ctx)
		}
		_ = l.watcher.Run(ctx)
	})
	w.leader = l
}

// work begins once the leader knows what there is, and takes over what the store has forgotten.
func (l *leader) work(ctx context.Context) {
	for l.watcher.Adopt(ctx) != nil && ctx.Err() == nil {
		time.Sleep(time.Second)
	}
	l.running.Go(func() { _ = l.parts.Run(ctx) })
	l.running.Go(func() { _ = l.parts.releaser.Run(ctx) })
}

// kill ends the leader in the midst of what it does: nothing of it gets through any more.
func (w *world) kill() {
	l := w.leader
	if l == nil {
		return
	}
	w.leader = nil
	l.store.dead.Store(true)
	l.link.Cut()
	l.cancel()
	w.ended.Go(l.running.Wait)
}
