// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/clusters"
	"github.com/muster-batch/muster/queue-api/dispatch"
	"github.com/muster-batch/muster/queue-api/logs"
	"github.com/muster-batch/muster/queue-api/podevents"
	"github.com/muster-batch/muster/queue-api/podwatch"
)

// member is a registered cluster as one leadership works with it.
type member struct {
	registration clusters.Registration
	link         *clusters.Link
	client       dispatch.Pods
	view         clusterView
	watcher      *podwatch.Watcher
	collector    *logs.Collector // may be nil
	events       *podevents.Recorder
	changed      func() // told when the cluster may be worked with, or not any more
	left         func() // told when it is worked with no longer
	begun        time.Time

	synced atomic.Bool // whether all its pods are known
	cancel context.CancelFunc
	ended  chan struct{}
}

// start works with the cluster until stop, or until ctx ends; an error ends the group.
func (m *member) start(ctx context.Context, group *errgroup.Group) {
	ctx, m.cancel = context.WithCancel(ctx)
	m.ended = make(chan struct{})
	group.Go(func() error {
		defer close(m.ended)
		defer m.left()
		return m.run(ctx)
	})
}

// stop returns once nothing is done with the cluster any more. Its pods live on.
func (m *member) stop() {
	m.cancel()
	<-m.ended
}

func (m *member) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return m.link.Run(ctx) })
	group.Go(func() error { return m.events.Run(ctx) })
	group.Go(func() error { return m.view.Watcher.Run(ctx, m.changed) })
	settling := klog.NewContext(ctx, klog.LoggerWithValues(klog.FromContext(ctx), "cluster", m.registration.Cluster))
	group.Go(func() error {
		return m.view.Cluster.Run(settling, m.watcher, func() {
			group.Go(func() error { return m.settle(settling) })
			group.Go(func() error { return runCollector(settling, m.collector) })
		})
	})
	return group.Wait()
}

// settle works with what the cluster's pods say, once all of them are known.
func (m *member) settle(ctx context.Context) error {
	for {
		err := m.watcher.Adopt(ctx)
		if err == nil {
			break
		}
		if ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Pods of the cluster are looked at again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryDelay):
		}
	}
	m.synced.Store(true)
	m.changed()
	return m.watcher.Run(ctx)
}

// isReady reports whether pods can be made: the cluster answers, and what it has is known.
func (m *member) isReady() bool { return m.synced.Load() && m.link.State().Err == nil }

// isAway reports whether the cluster was asked and did not answer.
func (m *member) isAway() bool {
	s := m.link.State()
	return s.Tried && s.Err != nil
}

var errNotSynced = errors.New("its pods are not known yet")

// trouble is why the member is not ready.
func (m *member) trouble() error {
	if err := m.link.State().Err; err != nil {
		return err
	}
	return errNotSynced
}

// troubleSince is since when it has not been.
func (m *member) troubleSince() time.Time {
	if s := m.link.State(); s.Err != nil {
		return s.Since
	}
	return m.begun
}
