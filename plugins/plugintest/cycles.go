// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	"k8s.io/kubernetes/pkg/scheduler"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	internalqueue "k8s.io/kubernetes/pkg/scheduler/backend/queue"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/plugins/config"
	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/gangfit"
)

// Cycles runs single scheduling cycles on the built-in profile, on whatever snapshot the test sets: for what happens
// between two cycles. Its clock stands still until the test moves it.
type Cycles struct {
	Framework framework.Framework
	Ledger    *gang.Ledger
	Clock     *testingclock.FakeClock
	Client    *fake.Clientset
	GangFit   *gangfit.GangFit

	tb       testing.TB
	snapshot *snapshot
}

// snapshot is a lister whose content can be replaced.
type snapshot struct{ framework.SharedLister }

// NewCycles returns the profile over an API server that has the pods; the ledger knows them.
func NewCycles(tb testing.TB, pods ...*corev1.Pod) *Cycles {
	tb.Helper()
	widenWatches()
	ctx, cancel := context.WithCancel(context.Background())
	metrics.Register()
	var objects []runtime.Object
	for _, pod := range pods {
		objects = append(objects, pod)
	}
	c := &Cycles{
		Ledger:   gang.NewLedger(),
		Clock:    testingclock.NewFakeClock(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)),
		Client:   fake.NewClientset(objects...),
		tb:       tb,
		snapshot: &snapshot{internalcache.NewEmptySnapshot()},
	}
	watching := countWatches(c.Client, "pods", "nodes")
	informers := scheduler.NewInformerFactory(c.Client, 0)
	c.Framework = c.build(ctx, informers)
	queue := internalqueue.NewSchedulingQueue(c.Framework.QueueSortFunc(), informers)
	c.Framework.SetPodNominator(queue)
	c.Framework.SetPodActivator(queue)
	informers.Start(ctx.Done())
	informers.WaitForCacheSync(ctx.Done())
	watching.Wait()
	c.Await("the ledger knows all pods", func() bool {
		for _, pod := range pods {
			if !c.Ledger.Knows(pod) {
				return false
			}
		}
		return true
	})
	tb.Cleanup(func() {
		cancel()
		queue.Close()
		informers.Shutdown()
	})
	return c
}

// build returns the built-in profile with this cluster's ledger, clock and snapshot.
func (c *Cycles) build(ctx context.Context, informers informers.SharedInformerFactory) framework.Framework {
	c.tb.Helper()
	cfg, err := Configuration()
	if err != nil {
		c.tb.Fatal(err)
	}
	registry := plugins.NewInTreeRegistry()
	ours := registryOf(c.Ledger)
	ours[gangfit.Name] = func(ctx context.Context, obj runtime.Object, h framework.Handle) (framework.Plugin, error) {
		args, err := config.DecodeGangFit(obj)
		if err != nil {
			return nil, err
		}
		c.GangFit, err = gangfit.New(ctx, c.Ledger, h, c.Clock, args, gangfit.NewMetrics(c.Ledger))
		return c.GangFit, err
	}
	if err := registry.Merge(ours); err != nil {
		c.tb.Fatal(err)
	}
	fwk, err := frameworkruntime.NewFramework(ctx, registry, &cfg.Profiles[0],
		frameworkruntime.WithClientSet(c.Client), frameworkruntime.WithEventRecorder(&events.FakeRecorder{}),
		frameworkruntime.WithInformerFactory(informers),
		frameworkruntime.WithSnapshotSharedLister(c.snapshot), frameworkruntime.WithWaitingPods(frameworkruntime.NewWaitingPodsMap()))
	if err != nil {
		c.tb.Fatal(err)
	}
	return fwk
}

// Set makes this the cluster that the next cycles see: the nodes, and the pods that run or are assumed on them.
func (c *Cycles) Set(nodes []*corev1.Node, pods ...*corev1.Pod) {
	c.snapshot.SharedLister = internalcache.NewSnapshot(pods, nodes)
}

// On returns the pod as it is once the scheduler has assumed it on a node.
func On(pod *corev1.Pod, node string) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.Spec.NodeName = node
	return pod
}

// Cycle is one scheduling cycle.
type Cycle struct {
	c     *Cycles
	pod   *corev1.Pod
	State *framework.CycleState
}

// Cycle begins a cycle for the pod.
func (c *Cycles) Cycle(pod *corev1.Pod) *Cycle {
	state := framework.NewCycleState()
	state.Write(framework.PodsToActivateKey, framework.NewPodsToActivate())
	return &Cycle{c: c, pod: pod, State: state}
}

// PreFilter returns the nodes that the pod may go to, or its rejection.
func (y *Cycle) PreFilter() (sets.Set[string], *framework.Status) {
	result, status, _ := y.c.Framework.RunPreFilterPlugins(context.Background(), y.State, y.pod)
	if result == nil {
		return nil, status
	}
	return result.NodeNames, status
}

// Permit reserves the node and asks for the permission to bind.
func (y *Cycle) Permit(node string) *framework.Status {
	assumed := On(y.pod, node)
	if status := y.c.Framework.RunReservePluginsReserve(context.Background(), y.State, assumed, node); !status.IsSuccess() {
		return status
	}
	return y.c.Framework.RunPermitPlugins(context.Background(), y.State, assumed, node)
}

// Place goes through a cycle that must end with the pod holding a node, and returns the node.
func (y *Cycle) Place() string {
	y.c.tb.Helper()
	nodes, status := y.PreFilter()
	if !status.IsSuccess() || nodes.Len() != 1 {
		y.c.tb.Fatalf("%s is not pinned to one node: %v, %v", y.pod.Name, sets.List(nodes), status)
	}
	node, _ := nodes.PopAny()
	if status := y.Permit(node); !status.IsSuccess() && !status.IsWait() {
		y.c.tb.Fatalf("%s may not be bound: %v", y.pod.Name, status)
	}
	return node
}

// Outcome returns what a pod that waits at Permit is told.
func (y *Cycle) Outcome() *framework.Status {
	return y.c.Framework.WaitOnPermit(context.Background(), y.pod)
}

// Unreserve gives the pod's node back.
func (y *Cycle) Unreserve(node string) {
	y.c.Framework.RunReservePluginsUnreserve(context.Background(), y.State, y.pod, node)
}

// Await waits until cond holds and fails the test if it never does.
func (c *Cycles) Await(what string, cond func() bool) {
	c.tb.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 5*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return cond(), nil })
	if err != nil {
		c.tb.Fatalf("waited in vain: %s", what)
	}
}
