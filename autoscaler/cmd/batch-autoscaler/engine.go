// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/clusterstate/utils"
	"k8s.io/autoscaler/cluster-autoscaler/core"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/envhealth"
	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/interruption"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/autoscaler/report"
	"github.com/muster-batch/muster/autoscaler/scaledown"
	"github.com/muster-batch/muster/autoscaler/scaleup"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/jobtrace"
)

// ledgerName is the ConfigMap of launches under way.
const ledgerName = "batch-autoscaler-launches"

// reopenSlack is how much later than the delay after its taint the end of a node may begin before it counts as failed.
const reopenSlack = 30 * time.Second

// parts are what an engine is built on; they outlive it.
type parts struct {
	client   kubernetes.Interface
	api      computeenv.API
	fleet    fleet.Fleet
	notices  interruption.Queue // nil if nobody tells
	recorder record.EventRecorder
	metrics  *metricSet
	tracer   *jobtrace.Tracer // may be nil
	clock    clock.WithTicker
	resync   time.Duration // of informers: when they tell all they know again; never if zero
}

// engine is all that a leader has: a view of the cluster, the environments and the fleet, and the core that decides.
type engine struct {
	parts
	informers    informers.SharedInformerFactory
	nodes        kubeutil.NodeLister
	logRecorder  *utils.LogEventRecorder
	reader       *computeenv.Reader
	index        *demand.Index
	counted      func() bool // whether the index has all pods that there were when the informers began
	source       *demand.Source
	provider     *provider.Provider
	orchestrator *scaleup.Orchestrator
	drainer      *scaledown.Drainer
	reopener     *scaledown.Reopener
	health       *envhealth.Tracker
	reports      *report.Writer
	census       *report.Census
	watcher      *interruption.Watcher // nil without notices
	core         core.Autoscaler
}

// newEngine wires the parts. wake is called when something changed that a loop should look at.
func newEngine(ctx context.Context, p parts, o *options, wake func()) (*engine, error) {
	e := &engine{parts: p, informers: informers.NewSharedInformerFactoryWithOptions(p.client, p.resync, informers.WithTransform(trim))}
	nodeLister := e.informers.Core().V1().Nodes().Lister()
	e.nodes = kubeutil.NewNodeLister(nodeLister, e.isOurs)
	var err error
	if e.logRecorder, err = utils.NewStatusMapRecorder(p.client, o.Namespace, p.recorder, false, ""); err != nil {
		return nil, err
	}
	e.reader = computeenv.New(p.api, p.fleet, computeenv.Config{
		Interval: o.PollInterval, Changed: wake, Cluster: o.inCluster(), Clock: p.clock,
	})
	e.index = demand.NewIndex(wake)
	e.source = demand.NewSource(e.index)
	reporter := scaleup.NewReporter(p.recorder, e.index, p.clock)
	traces := scaleup.NewTraces(p.tracer, e.index)
	ledger := provider.NewConfigMapLedger(p.client.CoreV1().ConfigMaps(o.Namespace), ledgerName)
	e.health = envhealth.New(envhealth.Config{Clock: p.clock})
	e.reports = report.New(p.client.CoreV1().ConfigMaps(o.Namespace), e.standings, report.Config{
		Namespace: o.Namespace, Recorder: p.recorder, Clock: p.clock,
	})
	e.provider = provider.New(ctx, p.fleet, e.reader, scaledown.NewCluster(p.client.CoreV1()), ledger,
		kubeutil.NewNodeLister(nodeLister, nil), provider.Config{
			LaunchTimeout: o.FleetTimeout, TerminateTimeout: o.FleetTimeout, ReplayWithin: o.MaxNodeProvisionTime,
			Changed: wake, LaunchFailed: reporter.LaunchFailed, Launched: traces.Launched, Joined: traces.Joined, Health: e.health, Metrics: p.metrics.provider, Clock: p.clock,
		})
	e.census = report.NewCensus(p.client.CoreV1().ConfigMaps(o.Namespace), e.provider.Count, report.CensusConfig{Clock: p.clock})
	e.orchestrator = scaleup.New(ctx, scaleup.Config{
		Provider: e.provider, Source: e.source, Reporter: reporter, Unknown: e.reader.Poke, Metrics: p.metrics.scaleup, Clock: p.clock,
	})
	e.drainer = scaledown.NewDrainer(p.client.CoreV1().Nodes(), e.nodes, e.reader, staleAfter, p.clock)
	e.reopener = scaledown.NewReopener(p.client.CoreV1().Nodes(), e.nodes, e.provider, o.NodeDeleteDelay+reopenSlack, p.clock)
	if p.notices != nil {
		e.watcher = interruption.New(interruption.Config{
			Queue: p.notices, Instances: e.provider, Marker: interruption.NewMarker(p.client.CoreV1().Nodes(), p.clock),
			Recorder: p.recorder, Metrics: p.metrics.notices, Clock: p.clock,
		})
	}
	if e.core, err = newCore(e, o); err != nil {
		return nil, fmt.Errorf("build cluster-autoscaler: %w", err)
	}
	return e, e.watch(wake)
}

// watch lets the informers tell of changes.
func (e *engine) watch(wake func()) error {
	pods, err := e.informers.Core().V1().Pods().Informer().AddEventHandler(e.index)
	if err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	e.counted = pods.HasSynced
	if _, err := e.informers.Core().V1().Nodes().Informer().AddEventHandler(nodeEvents(e.isOurs, wake)); err != nil {
		return fmt.Errorf("watch nodes: %w", err)
	}
	return nil
}

// isOurs reports whether the node is of a compute environment and bought by us.
func (e *engine) isOurs(n *corev1.Node) bool {
	return n.Labels[batchmeta.NodeGroup] != "" || e.provider.Knows(n)
}

func (e *engine) isReady(n *corev1.Node) bool {
	return kubeutil.IsNodeReadyAndSchedulable(n) && e.isOurs(n)
}

// start waits until the cluster, the environments and the fleet are known. Before, nothing may be decided.
func (e *engine) start(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	e.informers.Start(ctx.Done())
	for kind, synced := range e.informers.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("wait for %v: %w", kind, context.Cause(ctx))
		}
	}
	if err := poll(ctx, e.counted); err != nil {
		return fmt.Errorf("wait for the pods to be counted: %w", err)
	}
	if err := poll(ctx, func() bool { return e.reader.Snapshot() != nil }); err != nil {
		return fmt.Errorf("wait for the Batch API: %w", err)
	}
	failing := false
	err := poll(ctx, func() bool {
		err := errors.Join(e.reports.Load(ctx, e.health.Restore), e.provider.Start(ctx))
		if err != nil && !failing {
			logger.Error(err, "Cannot rebuild the state of the fleet, trying again")
		}
		failing = err != nil
		return !failing
	})
	if err != nil {
		return fmt.Errorf("wait for the fleet: %w", err)
	}
	return e.core.Start()
}

// standings are what is reported of the environments: nothing before they are known.
func (e *engine) standings() ([]report.Environment, bool) {
	s := e.reader.Snapshot()
	if s == nil {
		return nil, false
	}
	e.health.Forget(func(uuid string) bool { return s.Environment(uuid) != nil })
	var out []report.Environment
	for _, env := range s.All() {
		standing := e.provider.Standing(env.UUID)
		r := report.Environment{
			Name: env.Name, UUID: env.UUID, DesiredvCPUs: standing.DesiredvCPUs, Verdict: e.health.Judge(env), Offers: offersOf(env),
			NodeSeconds: int(math.Ceil(standing.NodeAfter.Seconds())),
		}
		if !standing.Outdated {
			r.Generation = max(env.Generation, 1)
		}
		out = append(out, r)
	}
	e.metrics.judged(out)
	return out, true
}

// offersOf are the types that the environment's nodes may be of, at what they cost.
func offersOf(env *computeenv.Environment) []batchmeta.Offer {
	out := make([]batchmeta.Offer, len(env.Types))
	for i := range env.Types {
		t := &env.Types[i]
		free := nodetemplate.Allocatable(t)
		out[i] = batchmeta.Offer{
			InstanceType: t.Name, VCPUs: t.VCPUs, MemoryMiB: t.MemoryMiB, GPUs: t.GPUs,
			FreeMilliVCPU: free.CPUMillis, FreeMiB: free.MemoryMiB, PricePerHour: t.PricePerHour, Architecture: t.Architecture,
		}
		if env.CapacityType == batchmeta.CapacitySpot && t.SpotPricePerHour > 0 {
			out[i].PricePerHour = t.SpotPricePerHour
		}
	}
	return out
}

// poll asks until the answer is yes, or ctx ends.
func poll(ctx context.Context, done func() bool) error {
	for !done() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// runOnce looks at everything once. Core's errors have a type of their own, of which the nil is no nil error.
func (e *engine) runOnce(now time.Time) error {
	if err := e.core.RunOnce(now); err != nil {
		return err
	}
	return nil
}
