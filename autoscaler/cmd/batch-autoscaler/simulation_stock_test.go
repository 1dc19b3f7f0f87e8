// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"time"

	"k8s.io/autoscaler/cluster-autoscaler/clusterstate"
	cacontext "k8s.io/autoscaler/cluster-autoscaler/context"
	"k8s.io/autoscaler/cluster-autoscaler/core"
	"k8s.io/autoscaler/cluster-autoscaler/core/podlistprocessor"
	"k8s.io/autoscaler/cluster-autoscaler/core/scaleup"
	"k8s.io/autoscaler/cluster-autoscaler/core/scaleup/orchestrator"
	"k8s.io/autoscaler/cluster-autoscaler/debuggingsnapshot"
	"k8s.io/autoscaler/cluster-autoscaler/estimator"
	"k8s.io/autoscaler/cluster-autoscaler/expander/factory"
	"k8s.io/autoscaler/cluster-autoscaler/expander/waste"
	"k8s.io/autoscaler/cluster-autoscaler/observers/loopstart"
	"k8s.io/autoscaler/cluster-autoscaler/processors"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/clustersnapshot/predicate"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/clustersnapshot/store"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/drainability/rules"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	caoptions "k8s.io/autoscaler/cluster-autoscaler/simulator/options"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/scheduling"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"
	"k8s.io/autoscaler/cluster-autoscaler/utils/taints"

	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/autoscaler/scaledown"
)

// stock is cluster-autoscaler as it is: its own demand, estimator and orchestrator over our provider, with the same settings
// for scaling down. Its loop runs every ten seconds, its default.
type stock struct {
	scaleup.Orchestrator
	core     core.Autoscaler
	registry *clusterstate.ClusterStateRegistry
	provider *provider.Provider
}

const stockScanInterval = 10 * time.Second

// Initialize implements scaleup.Orchestrator; it only listens.
func (s *stock) Initialize(
	ctx *cacontext.AutoscalingContext, p *processors.AutoscalingProcessors, r *clusterstate.ClusterStateRegistry,
	e estimator.EstimatorBuilder, t taints.TaintConfig,
) {
	s.registry = r
	s.Orchestrator.Initialize(ctx, p, r, e, t)
}

// Refresh spares stock its cache of instances, as our own orchestrator does: what is compared is what is decided.
func (s *stock) Refresh() {
	for _, g := range s.provider.NodeGroups() {
		s.registry.InvalidateNodeInstancesCacheEntry(g)
	}
	s.registry.Recalculate()
}

func (s *stock) run(ctx context.Context, look func(time.Time) error) {
	for ctx.Err() == nil {
		_ = look(time.Now())
		select {
		case <-ctx.Done():
		case <-time.After(stockScanInterval):
		}
	}
}

// newStock builds stock over an engine's parts.
func newStock(e *engine, o *options) (*stock, error) {
	s := &stock{Orchestrator: orchestrator.New(), provider: e.provider}
	opts := coreOptions(o)
	opts.EnforceNodeGroupMinSize = false
	opts.MaxNodesPerScaleUp, opts.MaxNodeGroupBinpackingDuration = 1000, 10*time.Second // the defaults of its flags
	handle, err := framework.NewHandle(e.informers, nil, false)
	if err != nil {
		return nil, err
	}
	expanders := factory.NewFactory()
	expanders.RegisterFilter("least-waste", waste.NewFilter)
	strategy, aerr := expanders.Build([]string{"least-waste"})
	if aerr != nil {
		return nil, aerr
	}
	p := processors.DefaultProcessors(opts)
	p.PodListProcessor = podlistprocessor.NewDefaultPodListProcessor(scheduling.ScheduleAnywhere)
	p.TemplateNodeInfoProvider = provider.Templates{}
	p.ScaleDownSetProcessor = scaledown.Floor{}
	clients := kubeClients(e)
	f := e.informers
	clients.ListerRegistry = kubeutil.NewListerRegistry(
		e.nodes, kubeutil.NewNodeLister(f.Core().V1().Nodes().Lister(), e.isReady),
		kubeutil.NewAllPodLister(f.Core().V1().Pods().Lister()),
		kubeutil.NewPodDisruptionBudgetLister(f.Policy().V1().PodDisruptionBudgets().Lister()),
		f.Apps().V1().DaemonSets().Lister(), f.Core().V1().ReplicationControllers().Lister(), f.Batch().V1().Jobs().Lister(),
		f.Apps().V1().ReplicaSets().Lister(), f.Apps().V1().StatefulSets().Lister(),
	)
	deleteOptions := caoptions.NewNodeDeleteOptions(opts)
	s.core, aerr = core.NewAutoscaler(core.AutoscalerOptions{
		AutoscalingOptions: opts, KubeClient: e.client, InformerFactory: f, AutoscalingKubeClients: clients, CloudProvider: e.provider,
		FrameworkHandle:  handle,
		ClusterSnapshot:  predicate.NewPredicateSnapshot(store.NewDeltaSnapshotStore(opts.ClusterSnapshotParallelism), handle, false),
		ExpanderStrategy: strategy, Processors: p, LoopStartNotifier: loopstart.NewObserversList([]loopstart.Observer{s}),
		DebuggingSnapshotter: debuggingsnapshot.NewDebuggingSnapshotter(false), ScaleUpOrchestrator: s, DeleteOptions: deleteOptions,
		DrainabilityRules: append(rules.Rules{scaledown.Rule{}}, rules.Default(deleteOptions)...),
	}, f)
	if aerr != nil {
		return nil, aerr
	}
	return s, nil
}
