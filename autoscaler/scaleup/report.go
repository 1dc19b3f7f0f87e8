// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"fmt"

	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"

	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/autoscaler/provider"
)

// report tells pods that stay without a place why, if time alone will not help, and counts all that wait.
func (o *Orchestrator) report(b *board, s pack.Solution) {
	waiting, left := 0, 0
	for _, d := range b.problem.Demands {
		for _, p := range d.Parts {
			waiting += p.Count
		}
	}
	for _, l := range s.Left {
		left += l.Count
		part := b.parts[b.problem.Demands[l.Demand].Parts[l.Part].Key]
		market := b.marketOf(part)
		if market == nil {
			o.cfg.Unknown()
			continue
		}
		if message := o.reason(b, part, market, l.Why); message != "" {
			o.cfg.Reporter.Report([]string{part.Key}, message)
		}
	}
	o.cfg.Metrics.observe(waiting-left, left)
}

// reason is what to tell pods of the part; empty if there is nothing to tell.
func (o *Orchestrator) reason(b *board, part *demand.Part, m *provider.Market, why pack.Why) string {
	switch {
	case !m.Environment.AcceptsJobs():
		return ""
	case m.Environment.TypesError != "":
		return fleetFailed("", m.Environment.TypesError)
	case why == pack.TooWide:
		return tooManyVCPUs
	case why == pack.Closed:
		return o.backedOff(b, part, m)
	case why == pack.NoType && b.isLargeEnough(part, m):
		return tooLarge + " (a node would be large enough, but the pod's node selector, affinity or tolerations do not admit it)"
	case why == pack.NoType:
		return tooLarge + b.lacksDisk(part, m)
	default:
		return ""
	}
}

// backedOff tells why a group that could hold the pods is not bought now.
func (o *Orchestrator) backedOff(b *board, part *demand.Part, m *provider.Market) string {
	for i, offer := range b.offers {
		if &b.markets[b.problem.Offers[i].Budget] != m || b.problem.Offers[i].Fresh.Fits(part.Request) == 0 {
			continue
		}
		if s := o.registry.BackoffStatusForNodeGroup(offer.Group, o.cfg.Clock.Now()); s.IsBackedOff {
			short := s.ErrorInfo.ErrorClass == cloudprovider.OutOfResourcesErrorClass
			return explain(instancetype.Names(offer.Types), short, s.ErrorInfo.ErrorMessage)
		}
	}
	return ""
}

// lacksDisk says so if a node would be large enough but for its disk, which AWS Batch's own words do not name.
func (b *board) lacksDisk(part *demand.Part, m *provider.Market) string {
	const gibibyte = 1 << 30
	most := int64(-1)
	for i := range b.problem.Offers {
		o := &b.problem.Offers[i]
		if without := o.Fresh.Plus(pack.Vector{Disk: part.Request.Disk}, 1); &b.markets[o.Budget] == m && without.Fits(part.Request) > 0 {
			most = max(most, o.Fresh.Disk)
		}
	}
	if most < 0 {
		return ""
	}
	return fmt.Sprintf(" (it asks for %d GiB of ephemeral storage, and a node has %d)", (part.Request.Disk+gibibyte-1)/gibibyte, most/gibibyte)
}

func (b *board) isLargeEnough(part *demand.Part, m *provider.Market) bool {
	for i := range b.problem.Offers {
		if &b.markets[b.problem.Offers[i].Budget] == m && b.problem.Offers[i].Fresh.Fits(part.Request) > 0 {
			return true
		}
	}
	return false
}
