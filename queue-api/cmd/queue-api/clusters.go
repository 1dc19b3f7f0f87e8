// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/clusters"
	"github.com/muster-batch/muster/queue-api/dispatch"
	"github.com/muster-batch/muster/queue-api/podwatch"
	"github.com/muster-batch/muster/queue-api/reports"
)

const (
	// awaitAtMost is how long a new leader waits for registered clusters before it dispatches to the others.
	awaitAtMost = 10 * time.Second
	// invalidAfter is how long a cluster may not be worked with before its environments are INVALID.
	invalidAfter = 15 * time.Second
)

// clusterSet is the clusters of one leadership: the home cluster, which the program is in and which has its Lease, and those
// that are registered.
type clusterSet struct {
	home     clusterView
	homePods dispatch.Pods
	self     string             // name or ARN of the home cluster; may be empty
	registry *clusters.Registry // nil without registered clusters: then all environments are of the home cluster
	join     func(clusters.Registration) (*member, error)
	clock    clock.PassiveClock

	mu      sync.RWMutex // guards members
	members []*member
}

// clusterView is what environments are looked after by.
type clusterView struct {
	*podwatch.Cluster
	*reports.Watcher
}

var (
	_ dispatch.Clusters = (*clusterSet)(nil)
	_ dispatch.Hosts    = (*clusterSet)(nil)
)

// Of implements dispatch.Clusters.
func (s *clusterSet) Of(e batch.ComputeEnvironment) string {
	if s.registry == nil || e.EKS == nil || batch.IsCluster(s.self, e.EKS.ClusterARN) {
		return ""
	}
	return e.EKS.ClusterARN
}

// Pods implements dispatch.Clusters.
func (s *clusterSet) Pods(cluster string) (dispatch.Pods, bool) {
	if cluster == "" {
		return s.homePods, true
	}
	m := s.member(cluster)
	if m == nil || !m.isReady() {
		return nil, false
	}
	return m.client, true
}

// Host implements dispatch.Hosts.
func (s *clusterSet) Host(e batch.ComputeEnvironment) (dispatch.Cluster, error) {
	cluster := s.Of(e)
	if cluster == "" {
		return s.home, nil
	}
	m := s.member(cluster)
	switch {
	case m == nil:
		return nil, fmt.Errorf("%s: %w", cluster, dispatch.ErrNoCluster)
	case m.isReady():
		return m.view, nil
	}
	err := fmt.Errorf("%s: %w", cluster, m.trouble())
	if s.clock.Since(m.troubleSince()) > invalidAfter {
		err = fmt.Errorf("%w: %w", dispatch.ErrUnreachable, err)
	}
	return nil, err
}

// member is the registered cluster that an eksClusterArn names; nil if there is none.
func (s *clusterSet) member(arn string) *member {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, m := range s.members {
		if m.registration.Is(arn) {
			return m
		}
	}
	return nil
}

func (s *clusterSet) all() []*member {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.members)
}

// Run works with the clusters that are registered until ctx ends or another leader took over, which is batch.ErrStaleEpoch.
func (s *clusterSet) Run(ctx context.Context) error {
	if s.registry == nil {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	changes := make(chan struct{}, 1)
	group.Go(func() error {
		return s.registry.Run(ctx, func() {
			select {
			case changes <- struct{}{}:
			default:
			}
		})
	})
	group.Go(func() error {
		for {
			s.follow(ctx, group)
			select {
			case <-ctx.Done():
				return nil
			case <-changes:
			}
		}
	})
	return group.Wait()
}

// follow lets go of clusters that are not registered any more, or otherwise, and begins with those that are new.
func (s *clusterSet) follow(ctx context.Context, group *errgroup.Group) {
	registered := s.registry.All()
	var kept []*member
	for _, m := range s.all() {
		if slices.ContainsFunc(registered, func(r clusters.Registration) bool { return r.Same(&m.registration) }) {
			kept = append(kept, m)
			continue
		}
		m.stop()
	}
	for _, r := range registered {
		if slices.ContainsFunc(kept, func(m *member) bool { return m.registration.Same(&r) }) {
			continue
		}
		m, err := s.join(r)
		if err != nil {
			klog.FromContext(ctx).Error(err, "Registered cluster cannot be worked with", "cluster", r.Cluster)
			continue
		}
		klog.FromContext(ctx).Info("Cluster is registered", "cluster", r.Cluster, "server", r.Config.Host)
		kept = append(kept, m)
		m.start(ctx, group)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members = kept
}

// await waits until the pods of every registered cluster are known, but not for those that do not answer: jobs are not to go
// elsewhere only because the program has just begun.
func (s *clusterSet) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, awaitAtMost)
	defer cancel()
	for s.registry != nil && !s.isSettled() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *clusterSet) isSettled() bool {
	members := s.all()
	return len(members) >= len(s.registry.All()) &&
		!slices.ContainsFunc(members, func(m *member) bool { return !m.isReady() && !m.isAway() })
}
