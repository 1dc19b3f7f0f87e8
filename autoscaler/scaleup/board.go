// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/clustersnapshot"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"

	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// board is one loop's pack.Problem and what its numbers stand for in the cluster.
type board struct {
	problem  pack.Problem
	snapshot clustersnapshot.ClusterSnapshot
	fits     *fitCache
	markets  []provider.Market // per Budget
	offers   []provider.Offer  // per Offer
	binNodes []*corev1.Node    // per Bin
	classes  []class
	classOf  map[uint64]int
	parts    map[string]*demand.Part      // by key
	gangs    map[string]string            // of the parts that must start together, by key
	members  map[string][]provider.Member // by group, of which no bin has been made yet
	kept     map[string][]string          // by gang: names of the nodes that say that they are kept for it
	admitted map[admission]bool
	now      time.Time
	// isPending reports whether a pod is part of the demands.
	isPending func(types.UID) bool
}

// newBoard poses the problem of the present snapshot.
func newBoard(o *Orchestrator, templates map[string]*framework.NodeInfo) (*board, error) {
	b := &board{
		snapshot: o.core.ClusterSnapshot, fits: o.fits, markets: o.cfg.Provider.Markets(),
		classOf: map[uint64]int{}, parts: map[string]*demand.Part{}, gangs: map[string]string{},
		members: map[string][]provider.Member{}, kept: map[string][]string{}, admitted: map[admission]bool{},
		now: o.cfg.Clock.Now(), isPending: o.cfg.Source.IsPending,
	}
	b.fits.trim()
	b.problem.Domain, b.problem.Together = b.domain, b.together
	b.problem.Fits, b.problem.FitsBin, b.problem.Score = b.mayRun, b.mayRunOn, b.score
	infos, err := b.snapshot.ListNodeInfos()
	if err != nil {
		return nil, fmt.Errorf("list nodes of the snapshot: %w", err)
	}
	for m := range b.markets {
		b.addBudget(m, infos)
	}
	b.addBins(infos)
	for m := range b.markets {
		b.addMarket(o, m, templates)
	}
	b.addDemands(o.cfg.Source.Current())
	return b, nil
}

// addBins makes a bin of each node. Which instance a node is that is on its way nobody says: what is left of its group when
// those that are there are taken off is as good as any.
func (b *board) addBins(infos []*framework.NodeInfo) {
	there := map[string]bool{} // by provider id, as are names: an instance may have become a node since the loop began
	for _, info := range infos {
		there[info.Node().Spec.ProviderID] = kubeutil.IsNodeReadyAndSchedulable(info.Node())
	}
	names := map[string]string{}
	for _, m := range b.markets {
		for _, offer := range m.Offers {
			var coming []provider.Member
			for _, i := range offer.Members {
				if there[i.ProviderID] {
					names[i.ProviderID] = i.Name
				} else {
					coming = append(coming, i)
				}
				if i.Gang != "" {
					b.kept[i.Gang] = append(b.kept[i.Gang], i.Name)
				}
			}
			b.members[offer.Group.Id()] = coming
		}
	}
	for _, info := range infos {
		b.addBin(info, names[info.Node().Spec.ProviderID])
	}
}

// addBin makes a bin of a node, whose name, as an instance, is given if it is there.
func (b *board) addBin(info *framework.NodeInfo, name string) {
	node := info.Node()
	group := node.Labels[batchmeta.NodeGroup]
	if group == "" || node.Spec.Unschedulable || b.isTaken(info) {
		return
	}
	signature := signatureOf(node)
	index, known := b.classOf[signature]
	if !known {
		index = len(b.classes)
		b.classOf[signature] = index
		b.classes = append(b.classes, class{signature: signature, node: node})
	}
	bin := pack.Bin{Name: name, Class: index, Group: group, Free: free(info).Plus(freed(info, b.now), 1)}
	bin.Shared, _ = isUsed(info)
	if bin.Coming = node.Annotations[upcoming] != ""; bin.Coming && len(b.members[group]) > 0 {
		bin.Name, bin.Unsure = b.members[group][0].Name, b.members[group][0].Unsure
		b.members[group] = b.members[group][1:]
	}
	if isSole(node) {
		bin.Free, bin.Budget = sole(free(info)), b.budgetOf(node)
	}
	b.problem.Bins = append(b.problem.Bins, bin)
	b.binNodes = append(b.binNodes, node)
}

func (b *board) addMarket(o *Orchestrator, m int, templates map[string]*framework.NodeInfo) {
	market := &b.markets[m]
	for _, offer := range market.Offers {
		template := templates[offer.Group.Id()]
		if template == nil {
			continue
		}
		fresh := free(template)
		if market.Environment.SoleTenant {
			fresh = sole(fresh)
		}
		b.problem.Offers = append(b.problem.Offers, pack.Offer{
			Class: len(b.classes), Group: offer.Group.Id(), Budget: m, Fresh: fresh, VCPUs: offer.Type.VCPUs,
			Closed: !market.Environment.AcceptsJobs() || market.Waiting || !o.isSafe(offer.Group), Failed: offer.Failed,
		})
		b.offers = append(b.offers, offer)
		b.classes = append(b.classes, class{
			signature: signatureOf(template.Node()), node: template.Node(), offer: len(b.offers),
		})
	}
}

// addDemands takes gangs in their order. Everything else is one demand: pods that need not be together are packed together,
// the largest first.
func (b *board) addDemands(demands []demand.Demand) {
	var loose pack.Demand
	for _, d := range demands {
		var parts []pack.Part
		for i := range d.Parts {
			b.parts[d.Parts[i].Key] = &d.Parts[i]
			if d.Whole {
				b.gangs[d.Parts[i].Key] = d.Gang
			}
			parts = append(parts, d.Parts[i].Part)
		}
		if d.Whole {
			b.problem.Demands = append(b.problem.Demands, pack.Demand{Whole: true, Topology: d.Topology, Parts: parts})
		} else {
			loose.Parts = append(loose.Parts, parts...)
		}
	}
	if len(loose.Parts) > 0 {
		b.problem.Demands = append(b.problem.Demands, loose)
	}
}

// solve asks pack within a fork of the snapshot, as predicates need nodes to be checked on.
func (b *board) solve(holds []pack.Hold) pack.Solution {
	b.snapshot.Fork()
	defer b.snapshot.Revert()
	b.problem.Holds = slices.Concat(holds, b.inherited(holds))
	return pack.Solve(b.problem)
}

// inherited are holds of nodes that a former leader kept for gangs which still wait. What of a gang was to go to each it alone
// knew.
func (b *board) inherited(holds []pack.Hold) []pack.Hold {
	known := map[string]bool{}
	for i := range holds {
		known[holds[i].Node] = true
	}
	var out []pack.Hold
	for d := range b.problem.Demands {
		gang := b.gangs[b.problem.Demands[d].Parts[0].Key]
		if gang == "" {
			continue
		}
		for _, name := range b.kept[gang] {
			if !known[name] {
				out = append(out, b.problem.HoldFor(d, name))
			}
		}
	}
	return out
}

// reservations are for which gangs nodes are held, by the nodes' names, and which gangs there are. Others who are to have room
// beside a gang come after it.
func (b *board) reservations(holds []pack.Hold) (gangs map[string]string, waiting map[string]bool) {
	gangs, waiting = map[string]string{}, map[string]bool{}
	for _, gang := range b.gangs {
		waiting[gang] = true
	}
	for _, h := range holds {
		if gang := b.gangs[h.Contents[0].Key]; gang != "" {
			gangs[h.Node] = gang
		}
	}
	return gangs, waiting
}

// domain is the problem's Domain. A node that is on its way has the labels of its template.
func (b *board) domain(topology string, bin int) string { return b.binNodes[bin].Labels[topology] }

// together is the problem's Together: nodes of one launch share what their template says, and their zone if the fleet is asked
// for that and has zones.
func (b *board) together(topology string, offer int) bool {
	if topology == corev1.LabelTopologyZone {
		return len(b.markets[b.problem.Offers[offer].Budget].Environment.Resources.Subnets) > 0
	}
	node := b.classes[b.problem.Offers[offer].Class].node
	return topology != corev1.LabelHostname && node.Labels[topology] != ""
}

// marketOf is the first known environment that the part's pods ask for; nil if none is known.
func (b *board) marketOf(p *demand.Part) *provider.Market {
	for i := range b.markets {
		if slices.Contains(p.Environments, b.markets[i].Environment.UUID) {
			return &b.markets[i]
		}
	}
	return nil
}

// free is what pods may still request of a node.
func free(info *framework.NodeInfo) pack.Vector {
	n := info.ToScheduler()
	allocatable, requested := n.Allocatable, n.Requested
	return pack.Vector{
		CPUMillis: allocatable.MilliCPU - requested.MilliCPU,
		Memory:    allocatable.Memory - requested.Memory,
		Disk:      allocatable.EphemeralStorage - requested.EphemeralStorage,
		GPUs:      allocatable.ScalarResources[nodetemplate.GPU] - requested.ScalarResources[nodetemplate.GPU],
		Pods:      int64(allocatable.AllowedPodNumber - len(n.Pods)),
	}
}
