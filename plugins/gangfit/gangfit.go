// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corelisters "k8s.io/client-go/listers/core/v1"
	policylisters "k8s.io/client-go/listers/policy/v1"
	schedulinglisters "k8s.io/client-go/listers/scheduling/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/plugins/config"
	"github.com/muster-batch/muster/plugins/gang"
)

// Name is the plugin's name in a KubeSchedulerConfiguration.
const Name = "GangFit"

// patience is how long a plan of so many seats may stay open. Its members come one cycle after another; only a member that
// fails again and again makes the others wait as long as this.
func patience(own time.Duration, seats int) time.Duration {
	return cmp.Or(own, 30*time.Second) + time.Duration(seats)*10*time.Millisecond
}

// GangFit places gangs.
type GangFit struct {
	fwk        framework.Framework
	ledger     *gang.Ledger
	nodeless   *nodeless
	memory     *memory
	holds      *holds
	keeper     *keeper
	evictions  *evictions
	teller     *teller
	kicked     chan struct{} // see keepGoing
	judged     judged
	nodes      corelisters.NodeLister
	namespaces corelisters.NamespaceLister
	classes    schedulinglisters.PriorityClassLister
	budgets    policylisters.PodDisruptionBudgetLister
	clock      clock.WithDelayedExecution
	args       config.GangFitArgs
	metrics    *Metrics
}

var (
	_ framework.PreEnqueuePlugin  = (*GangFit)(nil)
	_ framework.PreFilterPlugin   = (*GangFit)(nil)
	_ framework.FilterPlugin      = (*GangFit)(nil)
	_ framework.PostFilterPlugin  = (*GangFit)(nil)
	_ framework.ReservePlugin     = (*GangFit)(nil)
	_ framework.PermitPlugin      = (*GangFit)(nil)
	_ framework.EnqueueExtensions = (*GangFit)(nil)
)

// Factory returns the plugin's factory. The ledger is the one that sorts the queue.
func Factory(ledger *gang.Ledger, metrics *Metrics) frameworkruntime.PluginFactory {
	return func(ctx context.Context, obj runtime.Object, handle framework.Handle) (framework.Plugin, error) {
		args, err := config.DecodeGangFit(obj)
		if err != nil {
			return nil, err
		}
		return New(ctx, ledger, handle, clock.RealClock{}, args, metrics)
	}
}

// New returns the plugin and starts to feed the ledger from the pods of the handle's profile.
func New(
	ctx context.Context, ledger *gang.Ledger, handle framework.Handle, clk clock.WithDelayedExecution,
	args config.GangFitArgs, metrics *Metrics,
) (*GangFit, error) {
	fwk, ok := handle.(framework.Framework) // for RunPreFilterPlugins, which a plan needs and Handle does not offer
	if !ok {
		return nil, fmt.Errorf("start %s: the handle is a %T, not a framework", Name, handle)
	}
	factory := handle.SharedInformerFactory()
	core := factory.Core().V1()
	nodeless, err := newNodeless(core.Nodes().Informer())
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", Name, err)
	}
	g := &GangFit{
		fwk:        fwk,
		ledger:     ledger,
		nodeless:   nodeless,
		memory:     newMemory(),
		evictions:  newEvictions(),
		teller:     newTeller(handle.ClientSet(), handle.EventRecorder(), ledger, clk),
		kicked:     make(chan struct{}, 1),
		nodes:      core.Nodes().Lister(),
		namespaces: core.Namespaces().Lister(),
		classes:    factory.Scheduling().V1().PriorityClasses().Lister(),
		budgets:    factory.Policy().V1().PodDisruptionBudgets().Lister(),
		clock:      clk,
		args:       args,
		metrics:    metrics,
	}
	g.holds = newHolds(clk, func(pods map[string]*corev1.Pod) { g.tryAgain(klog.FromContext(ctx), pods) })
	g.keeper = newKeeper(ledger, g.holds, &forecaster{
		nodes: g.nodes, pods: core.Pods().Lister(), profile: fwk.ProfileName(), holds: g.holds,
	}, clk, args.RoomTimeout.Duration)
	if err := g.watch(ctx, core.Pods().Informer()); err != nil {
		return nil, fmt.Errorf("start %s: %w", Name, err)
	}
	if err := g.watchNodes(core.Nodes().Informer()); err != nil {
		return nil, fmt.Errorf("start %s: %w", Name, err)
	}
	if err := g.watchPodGroups(ctx, handle.KubeConfig()); err != nil {
		return nil, fmt.Errorf("start %s: %w", Name, err)
	}
	go g.guard(ctx)
	go g.keepGoing(ctx)
	go g.teller.Run(ctx)
	go g.keeper.Run(ctx)
	return g, nil
}

// Name returns the plugin's name.
func (*GangFit) Name() string { return Name }

// PreEnqueue holds a pod outside the scheduling queue while there is no node at all.
func (g *GangFit) PreEnqueue(_ context.Context, pod *corev1.Pod) *framework.Status {
	if g.nodeless.admit(pod.UID) {
		return nil
	}
	const reason = "no nodes available to schedule pods"
	if _, ok := gang.KeyOf(pod); ok {
		for _, key := range g.ledger.Stall(pod.UID, reason) {
			g.teller.Tell(key, false)
		}
	}
	return unschedulable(reason)
}

// unschedulable is the status of a pod that no PostFilter plugin can help.
func unschedulable(reason string) *framework.Status {
	return framework.NewStatus(framework.UnschedulableAndUnresolvable, reason)
}
