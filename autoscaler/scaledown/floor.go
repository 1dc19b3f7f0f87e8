// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"cmp"
	"slices"

	cacontext "k8s.io/autoscaler/cluster-autoscaler/context"
	"k8s.io/autoscaler/cluster-autoscaler/processors/nodes"
	"k8s.io/autoscaler/cluster-autoscaler/simulator"

	"github.com/muster-batch/muster/autoscaler/interruption"
	"github.com/muster-batch/muster/autoscaler/provider"
)

// Floor keeps each environment at its minvCpus: a ScaleDownSetProcessor, as minvCpus spans node groups and core's own
// minimum does not.
type Floor struct{}

var _ nodes.ScaleDownSetProcessor = Floor{}

// FilterUnremovableNodes implements nodes.ScaleDownSetProcessor. The largest nodes go first.
func (Floor) FilterUnremovableNodes(
	ctx *cacontext.AutoscalingContext, scaleDown *nodes.ScaleDownContext, candidates []simulator.NodeToBeRemoved,
) (removable []simulator.NodeToBeRemoved, kept []simulator.UnremovableNode) {
	leaving := map[string]bool{}
	empty, drained := scaleDown.ActuationStatus.DeletionsInProgress()
	for _, name := range append(slices.Clone(empty), drained...) {
		leaving[name] = true
	}
	ordered := slices.Clone(candidates)
	slices.SortStableFunc(ordered, func(a, b simulator.NodeToBeRemoved) int {
		return cmp.Or(b.Node.Status.Capacity.Cpu().Cmp(*a.Node.Status.Capacity.Cpu()), cmp.Compare(a.Node.Name, b.Node.Name))
	})
	for _, c := range ordered {
		if reason := mayGo(ctx, c, leaving); reason != simulator.NoReason {
			kept = append(kept, simulator.UnremovableNode{Node: c.Node, Reason: reason})
			continue
		}
		leaving[c.Node.Name] = true
		removable = append(removable, c)
	}
	return removable, kept
}

func mayGo(ctx *cacontext.AutoscalingContext, c simulator.NodeToBeRemoved, leaving map[string]bool) simulator.UnremovableReason {
	ng, err := ctx.CloudProvider.NodeGroupForNode(c.Node)
	g := provider.GroupOf(ng)
	if err != nil || g == nil {
		return simulator.NotAutoscaled
	}
	if g.IsOutdated(c.Node) || interruption.IsMarked(c.Node) { // it is no part of what is kept
		return simulator.NoReason
	}
	if floor, vcpus, staying := g.Kept(leaving); staying-vcpus < floor {
		return simulator.NodeGroupMinSizeReached
	}
	return simulator.NoReason
}

// CleanUp implements nodes.ScaleDownSetProcessor.
func (Floor) CleanUp() {}
