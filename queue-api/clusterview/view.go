// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// Client is the part of an API server's client that is used.
type Client interface {
	corev1client.NodesGetter
	corev1client.PodsGetter
	corev1client.EventsGetter
}

// Cluster is one that can be asked.
type Cluster struct {
	Name   string // its ARN or name; the home cluster's may be empty
	IsHome bool
	Client Client
}

// Store is what is known without the clusters.
type Store interface {
	Environments(ctx context.Context) ([]batch.ComputeEnvironment, error)
	// Job returns batch.ErrNotFound if there is none.
	Job(ctx context.Context, id string) (batch.Job, error)
}

// View answers what is in the clusters. It is safe for concurrent use.
type View struct {
	store    Store
	clusters func() []Cluster
	clock    clock.PassiveClock

	mu    sync.Mutex // guards known
	known map[string]*member
	// claims are whether pods that are gone were of jobs, by claim.
	claims *lru.Cache
}

// member is what is remembered of a cluster.
type member struct {
	client Client
	state  shared[*state]
	events shared[told]
}

// New makes a View of the clusters that there are whenever somebody looks.
func New(store Store, clusters func() []Cluster, clk clock.PassiveClock) *View {
	return &View{store: store, clusters: clusters, clock: clk, known: map[string]*member{}, claims: lru.New(maxClaims)}
}

// members are the clusters that there are now. What was remembered of one that is reached otherwise now is forgotten.
func (v *View) members() ([]Cluster, []*member) {
	clusters := v.clusters()
	slices.SortFunc(clusters, func(a, b Cluster) int {
		switch {
		case a.IsHome != b.IsHome && a.IsHome:
			return -1
		case a.IsHome != b.IsHome:
			return 1
		case a.Name < b.Name:
			return -1
		}
		return 1
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	next := make(map[string]*member, len(clusters))
	list := make([]*member, len(clusters))
	for i, c := range clusters {
		m := v.known[c.Name]
		if m == nil || m.client != c.Client {
			m = &member{client: c.Client}
		}
		next[c.Name], list[i] = m, m
	}
	v.known = next
	return clusters, list
}

// look asks all clusters at once. The answers are in the order of the clusters; one is nil where the state has an error.
func look[T any](ctx context.Context, v *View, ask func(ctx context.Context, m *member) (T, error)) ([]T, []viewapi.ClusterState) {
	clusters, members := v.members()
	answers, states := make([]T, len(clusters)), make([]viewapi.ClusterState, len(clusters))
	var asking sync.WaitGroup
	for i, m := range members {
		states[i].Name = clusters[i].Name
		asking.Go(func() {
			answer, err := ask(ctx, m)
			if err != nil {
				klog.FromContext(ctx).V(2).Info("Cluster was not seen", "cluster", clusters[i].Name, "err", err)
				states[i].Error = trouble(err)
				return
			}
			answers[i] = answer
		})
	}
	asking.Wait()
	return answers, states
}

// trouble says why a cluster is not shown, without its addresses.
func trouble(err error) string {
	switch {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return "The cluster does not let queue-api list its nodes, pods and events."
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err):
		return "The cluster did not answer in time."
	}
	return "The cluster does not answer."
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
