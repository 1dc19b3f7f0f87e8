// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"math"
	"time"

	"k8s.io/autoscaler/cluster-autoscaler/config"
	cacontext "k8s.io/autoscaler/cluster-autoscaler/context"
	"k8s.io/autoscaler/cluster-autoscaler/core"
	"k8s.io/autoscaler/cluster-autoscaler/debuggingsnapshot"
	"k8s.io/autoscaler/cluster-autoscaler/estimator"
	"k8s.io/autoscaler/cluster-autoscaler/expander/random"
	"k8s.io/autoscaler/cluster-autoscaler/observers/loopstart"
	"k8s.io/autoscaler/cluster-autoscaler/processors"
	"k8s.io/autoscaler/cluster-autoscaler/processors/nodes"
	"k8s.io/autoscaler/cluster-autoscaler/processors/status"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/clustersnapshot/predicate"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/clustersnapshot/store"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/drainability/rules"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	caoptions "k8s.io/autoscaler/cluster-autoscaler/simulator/options"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"

	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/autoscaler/scaledown"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// staleAfter is how long the Batch API may be silent before no node is taken any more.
const staleAfter = 30 * time.Second

// coreOptions sets cluster-autoscaler. What is not named is off.
func coreOptions(o *options) config.AutoscalingOptions {
	const anything = 0.001 // 0 would mean that even an idle node is in use
	return config.AutoscalingOptions{
		NodeGroupDefaults: config.NodeGroupAutoscalingOptions{
			ScaleDownUtilizationThreshold:    anything,
			ScaleDownGpuUtilizationThreshold: anything,
			ScaleDownUnneededTime:            o.ScaleDownDelay,
			ScaleDownUnreadyTime:             max(o.ScaleDownDelay, 5*time.Minute),
			MaxNodeProvisionTime:             o.MaxNodeProvisionTime,
			IgnoreDaemonSetsUtilization:      true,
		},
		CloudProviderName:       provider.Name,
		EstimatorName:           estimator.BinpackingEstimatorName, // built, never asked: the orchestrator is ours
		ScaleUpFromZero:         true,
		EnforceNodeGroupMinSize: true, // the orchestrator makes it minvCpus
		BypassedSchedulers:      map[string]bool{batchmeta.SchedulerName: true},

		ScaleDownEnabled:        true,
		ScaleDownUnreadyEnabled: true,
		// Delays after a scale-up are for the group that grew, not for all; we need none, as new nodes are held for their pods.
		ScaleDownDelayTypeLocal:       true,
		MaxScaleDownParallelism:       50, // nodes are tainted within the loop
		MaxDrainParallelism:           0,  // only empty nodes go
		ScaleDownSimulationTimeout:    5 * time.Second,
		UnremovableNodeRecheckTimeout: 2 * time.Second,
		NodeDeleteDelayAfterTaint:     o.NodeDeleteDelay,
		ExpendablePodsPriorityCutoff:  math.MinInt32, // no pod is expendable, however low its priority

		// Nodes that are not ready are no reason to stop scaling the others.
		MaxTotalUnreadyPercentage: 100,
		OkTotalUnreadyCount:       math.MaxInt32,

		StartupTaints:                   o.StartupTaints,
		InitialNodeGroupBackoffDuration: o.InitialBackoff,
		MaxNodeGroupBackoffDuration:     o.MaxBackoff,
		NodeGroupBackoffResetTimeout:    3 * o.MaxBackoff,
		ClusterSnapshotParallelism:      4,
		ConfigNamespace:                 o.Namespace,
	}
}

// newCore builds cluster-autoscaler around the engine's parts.
func newCore(e *engine, o *options) (core.Autoscaler, error) {
	opts := coreOptions(o)
	handle, err := framework.NewHandle(e.informers, nil, false)
	if err != nil {
		return nil, err
	}
	deleteOptions := caoptions.NewNodeDeleteOptions(opts)
	autoscaler, aerr := core.NewAutoscaler(core.AutoscalerOptions{
		AutoscalingOptions:     opts,
		KubeClient:             e.client,
		InformerFactory:        e.informers,
		AutoscalingKubeClients: kubeClients(e),
		CloudProvider:          e.provider,
		FrameworkHandle:        handle,
		ClusterSnapshot:        predicate.NewPredicateSnapshot(store.NewDeltaSnapshotStore(opts.ClusterSnapshotParallelism), handle, false),
		ExpanderStrategy:       random.NewStrategy(), // never asked either
		Processors:             newProcessors(e, opts),
		LoopStartNotifier:      loopstart.NewObserversList([]loopstart.Observer{e.orchestrator}),
		DebuggingSnapshotter:   debuggingsnapshot.NewDebuggingSnapshotter(false),
		ScaleUpOrchestrator:    e.orchestrator,
		DeleteOptions:          deleteOptions,
		DrainabilityRules:      append(rules.Rules{scaledown.Rule{}}, rules.Default(deleteOptions)...),
	}, e.informers)
	if aerr != nil {
		return nil, aerr
	}
	return autoscaler, nil
}

func newProcessors(e *engine, opts config.AutoscalingOptions) *processors.AutoscalingProcessors {
	p := processors.DefaultProcessors(opts)
	p.PodListProcessor = e.source
	p.ScaleUpStatusProcessor = &status.NoOpScaleUpStatusProcessor{} // the default puts an Event on every exemplar
	p.TemplateNodeInfoProvider = provider.Templates{}
	p.CustomResourcesProcessor = provider.GPUReadiness{Provider: e.provider}
	p.ScaleDownSetProcessor = scaledown.Floor{}
	p.ScaleDownNodeProcessor = scaledown.NewCandidates(
		nodes.NewPreFilteringScaleDownNodeProcessor(), e.reader.ReadAt, staleAfter, e.clock)
	return p
}

// kubeClients shows core the part of the cluster that is ours.
func kubeClients(e *engine) *cacontext.AutoscalingKubeClients {
	f := e.informers
	return &cacontext.AutoscalingKubeClients{
		ListerRegistry: kubeutil.NewListerRegistry(
			e.nodes,
			kubeutil.NewNodeLister(f.Core().V1().Nodes().Lister(), e.isReady),
			&demand.BoundPods{Pods: f.Core().V1().Pods().Lister(), Nodes: e.nodes},
			kubeutil.NewPodDisruptionBudgetLister(f.Policy().V1().PodDisruptionBudgets().Lister()),
			f.Apps().V1().DaemonSets().Lister(),
			f.Core().V1().ReplicationControllers().Lister(),
			f.Batch().V1().Jobs().Lister(),
			f.Apps().V1().ReplicaSets().Lister(),
			f.Apps().V1().StatefulSets().Lister(),
		),
		ClientSet:   e.client,
		Recorder:    e.recorder,
		LogRecorder: e.logRecorder,
	}
}
