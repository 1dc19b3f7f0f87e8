// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/clusterstate"
	cacontext "k8s.io/autoscaler/cluster-autoscaler/context"
	"k8s.io/autoscaler/cluster-autoscaler/core/scaleup"
	"k8s.io/autoscaler/cluster-autoscaler/estimator"
	"k8s.io/autoscaler/cluster-autoscaler/processors"
	"k8s.io/autoscaler/cluster-autoscaler/processors/status"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	caerrors "k8s.io/autoscaler/cluster-autoscaler/utils/errors"
	"k8s.io/autoscaler/cluster-autoscaler/utils/taints"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/queue-api/batch"
)

// Provider is what the orchestrator needs of the cloud provider.
type Provider interface {
	Markets() []provider.Market
	// NoteUse is told which nodes have pods.
	NoteUse(busy map[string]bool)
	// Reserve is told for which gangs instances are kept, by their names, and which gangs have yet to start.
	Reserve(gangs map[string]string, waiting map[string]bool)
}

// Config is an Orchestrator's surroundings.
type Config struct {
	Provider Provider
	Source   *demand.Source
	Reporter *Reporter
	// Unknown is called when pods ask for an environment that is not known (yet). May be nil.
	Unknown func()
	Metrics *Metrics // may be nil
	Clock   clock.PassiveClock
}

// Orchestrator is cluster-autoscaler's scale-up. It is used by one goroutine, the loop.
type Orchestrator struct {
	cfg     Config
	logger  klog.Logger
	holds   []pack.Hold
	fits    *fitCache
	surplus map[string]surplus // by node group
	asked   bool               // in this loop

	core       *cacontext.AutoscalingContext
	processors *processors.AutoscalingProcessors
	registry   *clusterstate.ClusterStateRegistry
}

var _ scaleup.Orchestrator = (*Orchestrator)(nil)

// New makes an orchestrator that logs as ctx says.
func New(ctx context.Context, cfg Config) *Orchestrator {
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.Unknown == nil {
		cfg.Unknown = func() {}
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics()
	}
	return &Orchestrator{cfg: cfg, logger: klog.FromContext(ctx), fits: newFitCache(cfg.Clock), surplus: map[string]surplus{}}
}

// Initialize implements scaleup.Orchestrator.
func (o *Orchestrator) Initialize(
	ctx *cacontext.AutoscalingContext, p *processors.AutoscalingProcessors, r *clusterstate.ClusterStateRegistry,
	_ estimator.EstimatorBuilder, _ taints.TaintConfig,
) {
	o.core, o.processors, o.registry = ctx, p, r
}

// ScaleUp implements scaleup.Orchestrator. It says that no scale-up was needed even after one, since core would skip
// scale-down in a loop that scaled up: a busy environment would keep another one's idle nodes.
func (o *Orchestrator) ScaleUp(
	_ []*corev1.Pod, _ []*corev1.Node, _ []*appsv1.DaemonSet, templates map[string]*framework.NodeInfo, _ bool,
) (*status.ScaleUpStatus, caerrors.AutoscalerError) {
	o.asked = true
	b, err := newBoard(o, templates)
	if err != nil {
		return nil, caerrors.ToAutoscalerError(caerrors.InternalError, err)
	}
	solution := b.solve(o.holds)
	launches := make([]string, len(solution.Purchases))
	for i, purchase := range solution.Purchases {
		if !purchase.Later {
			launches[i] = o.buy(b, purchase)
		}
	}
	o.holds = named(solution.Holds, launches)
	o.cfg.Provider.Reserve(b.reservations(o.holds))
	if err := b.placeStandIns(solution.Used); err != nil {
		return nil, caerrors.ToAutoscalerError(caerrors.InternalError, err)
	}
	o.report(b, solution)
	o.registry.Recalculate()
	return &status.ScaleUpStatus{Result: status.ScaleUpNotNeeded}, nil
}

// named puts the names of nodes that were bought into their holds, by the tokens of their launches, and leaves out those of
// which none was.
func named(holds []pack.Hold, launches []string) []pack.Hold {
	next := make([]int, len(launches))
	for i := range holds {
		if p := holds[i].Bought - 1; p >= 0 {
			if launches[p] != "" {
				holds[i].Node = fleet.InstanceToken(launches[p], next[p])
			}
			next[p]++
		}
	}
	return slices.DeleteFunc(holds, func(h pack.Hold) bool { return h.Node == "" })
}

// buy grows a group and returns the token of the launch; empty if there is none, or none that what was wanted is promised.
func (o *Orchestrator) buy(b *board, purchase pack.Purchase) string {
	group := b.offers[purchase.Offer].Group
	if m := &b.markets[b.problem.Offers[purchase.Offer].Budget]; m.OnTrial {
		o.try(m, group)
		return ""
	}
	keys := make([]string, len(purchase.Contents))
	for i, c := range purchase.Contents {
		keys[i] = c.Key
	}
	if purchase.Topology == corev1.LabelTopologyZone {
		launch, err := group.GrowInOneZone(purchase.Nodes, keys)
		return o.begun(group, purchase.Nodes, launch, err)
	}
	return o.grow(group, purchase.Nodes, purchase.Whole, keys)
}

// try buys the one node of an environment that is on trial, for nobody: who it was for is bought for once it joined.
func (o *Orchestrator) try(m *provider.Market, g *provider.Group) {
	if !m.Waiting {
		m.Waiting = true
		o.grow(g, 1, false, nil)
	}
}

func (o *Orchestrator) grow(g *provider.Group, n int, whole bool, demands []string) string {
	launch, err := g.Grow(n, whole, demands)
	return o.begun(g, n, launch, err)
}

// begun tells core of a launch, unless err says why it was not begun, and returns its token.
func (o *Orchestrator) begun(g *provider.Group, n int, launch string, err error) string {
	o.logger.V(2).Info("Growing node group", "nodeGroup", g.Id(), "nodes", n)
	if err != nil {
		o.logger.Error(err, "Cannot grow node group", "nodeGroup", g.Id(), "nodes", n)
		return ""
	}
	o.processors.ScaleStateNotifier.RegisterScaleUp(g, n, o.cfg.Clock.Now())
	return launch
}

// ScaleUpToNodeGroupMinSize implements scaleup.Orchestrator: it brings environments up to their minvCpus. AWS Batch does so
// for DISABLED ones too.
func (o *Orchestrator) ScaleUpToNodeGroupMinSize(
	[]*corev1.Node, map[string]*framework.NodeInfo,
) (*status.ScaleUpStatus, caerrors.AutoscalerError) {
	if !o.asked {
		o.cfg.Metrics.observe(0, 0) // core does not ask when nothing waits
	}
	o.settle()
	for _, m := range o.cfg.Provider.Markets() {
		e := m.Environment
		if e.Status != batch.ResourceValid && e.Status != batch.ResourceUpdating {
			continue
		}
		offers := make([]pack.Offer, len(m.Offers))
		for i, offer := range m.Offers {
			offers[i] = pack.Offer{VCPUs: offer.Type.VCPUs, Closed: offer.Narrow || !o.isSafe(offer.Group)}
		}
		chosen, nodes := pack.Cover(e.Floor()+m.ClosedVCPUs, e.Budget(m.UsedVCPUs), offers, func(i int) float64 { return m.Offers[i].Cost })
		if nodes > 0 && m.OnTrial {
			o.try(&m, m.Offers[chosen].Group)
		} else if nodes > 0 {
			o.grow(m.Offers[chosen].Group, nodes, false, nil)
		}
	}
	o.registry.Recalculate()
	return &status.ScaleUpStatus{Result: status.ScaleUpNotNeeded}, nil
}

// isSafe reports whether the group is not backed off after failed launches.
func (o *Orchestrator) isSafe(g *provider.Group) bool {
	return o.registry.NodeGroupScaleUpSafety(g, o.cfg.Clock.Now()).SafeToScale
}

// Refresh forgets what core remembers of the groups' instances: the provider's memory is as near and always right. It is
// core's loop-start observer.
func (o *Orchestrator) Refresh() {
	o.asked = false
	for _, g := range o.core.CloudProvider.NodeGroups() {
		o.registry.InvalidateNodeInstancesCacheEntry(g)
	}
	o.registry.Recalculate() // new groups are known from here on
}

// Stop ends what core runs in the background, which its own clean-up leaves running. It may be called once.
func (o *Orchestrator) Stop() { o.registry.Stop() }
