// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	fakefleet "github.com/muster-batch/muster/autoscaler/fleet/fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	raceDelay = 5 * time.Second // --node-delete-delay
	// A scheduler may be so far behind when it chooses a node, and its binding may take so long: less than the delay, together.
	schedulerLag, bindLatency = 4 * time.Second, 900 * time.Millisecond
	coreLag                   = 10 * time.Second // how far behind cluster-autoscaler's cache may be
	raceStart                 = 8 * time.Second  // within which both sides begin
	racesAtOnce               = 500
)

// outcome counts how races ended.
type outcome struct {
	races, kept, refused, ended, bound, deterred, killed int
}

// arena is an API server with lagging watchers, a provider, and a count of how races ended.
type arena struct {
	*apiServer
	t        *testing.T
	random   *rand.Rand
	fleet    *fakefleet.Fleet
	provider *provider.Provider

	mu      sync.Mutex // guards outcome and random
	outcome outcome
}

func (a *arena) Snapshot() *computeenv.Snapshot {
	types, err := instancetype.Builtin().Resolve([]string{"c5.large"})
	if err != nil {
		a.t.Error(err)
	}
	return computeenv.NewSnapshot(&computeenv.Environment{
		Name: "env", UUID: "u", State: batch.Enabled, Status: batch.ResourceValid, MaxvCPUs: 1 << 20,
		CapacityType: batchmeta.CapacityOnDemand, Types: types,
	})
}

// List and Get are a node lister that knows no node: the provider is told of those that it is to delete.
func (a *arena) List() ([]*corev1.Node, error)    { return nil, nil }
func (a *arena) Get(string) (*corev1.Node, error) { return nil, errors.New("not asked") }

// Record, Forget and Open are a ledger that remembers nothing.
func (a *arena) Record(context.Context, provider.Entry) error   { return nil }
func (a *arena) Forget(context.Context, string) error           { return nil }
func (a *arena) Open(context.Context) ([]provider.Entry, error) { return nil, nil }

func newArena(t *testing.T, isStale bool) *arena {
	t.Helper()
	a := &arena{t: t, random: rand.New(rand.NewPCG(1, 2))}
	a.apiServer = newAPIServer(a.upTo, isStale)
	a.fleet = fakefleet.New(fakefleet.Config{})
	a.provider = provider.New(klog.NewContext(t.Context(), logr.Discard()), a.fleet, a, NewCluster(a), a, a, provider.Config{})
	if err := a.provider.Refresh(); err != nil {
		t.Fatal(err)
	}
	return a
}

// upTo is a random time.
func (a *arena) upTo(d time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Duration(a.random.Int64N(int64(d)))
}

func (a *arena) count(n *int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*n++
}

// wave runs races on that many nodes at once.
func (a *arena) wave(races int) {
	group, ok := a.provider.NodeGroups()[0].(*provider.Group)
	if !ok {
		a.t.Fatal("no group")
	}
	if _, err := group.Grow(races, false, nil); err != nil {
		a.t.Fatal(err)
	}
	a.provider.Wait()
	instances, err := a.fleet.List(a.t.Context())
	if err != nil || len(instances) < races {
		a.t.Fatalf("%d instances, %v", len(instances), err)
	}
	var running sync.WaitGroup
	for _, i := range instances {
		if a.node(i.ID) != nil {
			continue // of an earlier wave
		}
		node := a.register(i)
		for pod := range 2 {
			running.Go(func() { a.schedule(fmt.Sprintf("%s-%d", node.Name, pod), node.Name) })
		}
		running.Go(func() { a.drain(group, node) })
	}
	running.Wait()
	a.outcome.races += races
}

// schedule is a scheduler with a pod for the node: it chooses by a view that lags behind.
func (a *arena) schedule(pod, node string) {
	time.Sleep(a.upTo(raceStart))
	if a.isTainted(node, a.upTo(schedulerLag)) {
		a.count(&a.outcome.deterred)
		return
	}
	time.Sleep(a.upTo(bindLatency))
	a.bind(pod, node)
	a.count(&a.outcome.bound)
}

// drain is cluster-autoscaler's actuator, with a cache that lags behind.
func (a *arena) drain(group *provider.Group, node *corev1.Node) {
	time.Sleep(a.upTo(raceStart))
	if a.isBusy(node.Name, a.upTo(coreLag)) {
		a.count(&a.outcome.kept)
		return
	}
	a.taint(node.Name, true)
	time.Sleep(raceDelay)
	if a.isBusy(node.Name, a.upTo(coreLag)) {
		a.taint(node.Name, false)
		a.count(&a.outcome.kept)
		return
	}
	if err := group.DeleteNodes([]*corev1.Node{node}); err != nil {
		if occupied := (*provider.OccupiedError)(nil); !a.isStale && !errors.As(err, &occupied) {
			a.t.Errorf("node %s: %v", node.Name, err)
		}
		a.taint(node.Name, false)
		a.count(&a.outcome.refused)
		return
	}
	a.count(&a.outcome.ended)
}

// run runs the races and counts the jobs that lost their node: those bound to a node whose instance is no more.
func run(t *testing.T, races int, isStale bool) outcome {
	t.Helper()
	var out outcome
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t, isStale)
		for a.outcome.races < races {
			a.wave(racesAtOnce)
		}
		left, err := a.fleet.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range left {
			a.delete(i.ID)
		}
		a.outcome.killed = a.bindings()
		out = a.outcome
	})
	t.Logf("%d races: %d pods bound, %d kept off by the taint; %d nodes kept by core, %d by the API server's word, %d ended; %d jobs killed",
		out.races, out.bound, out.deterred, out.kept, out.refused, out.ended, out.killed)
	return out
}

// cluster-autoscaler #4813, #7244, #7269, #8196, #4223, #7095: pods were bound to nodes that had been chosen for deletion, and
// died with them.
func TestNoJobIsKilledByARaceOfBindAgainstDrain(t *testing.T) {
	t.Parallel()
	got := run(t, 10_000, false)
	if got.killed != 0 {
		t.Errorf("%d jobs killed", got.killed)
	}
	if got.refused == 0 || got.ended == 0 || got.deterred == 0 || got.kept == 0 {
		t.Errorf("races are not close enough to show anything: %+v", got)
	}
}

// The same races do kill when the last look is at something that lags behind.
func TestALookAtACacheWouldKillJobs(t *testing.T) {
	t.Parallel()
	if got := run(t, 1000, true); got.killed == 0 {
		t.Errorf("races are not close enough to show anything: %+v", got)
	}
}
