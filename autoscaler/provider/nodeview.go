// SPDX-License-Identifier: Apache-2.0

package provider

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"
	"k8s.io/autoscaler/cluster-autoscaler/config"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// nodeView is a group as core sees it of a node that minScaleDownDelayMinutes does not hold for. AWS Batch: that delay is
// neither for instances that an infrastructure update replaces or that are reclaimed, nor for such as have not run any job.
type nodeView struct {
	*Group
	closed bool // the node takes no more pods: it goes as soon as it is empty
}

// viewOf is called with mu held.
func viewOf(i *instance) cloudprovider.NodeGroup {
	if i.closed || i.use.bought && !i.use.begun {
		return &nodeView{i.group, i.closed}
	}
	return i.group
}

// GetOptions implements cloudprovider.NodeGroup.
func (v *nodeView) GetOptions(defaults config.NodeGroupAutoscalingOptions) (*config.NodeGroupAutoscalingOptions, error) {
	o, err := v.Group.GetOptions(defaults)
	if err != nil {
		return nil, err
	}
	o.ScaleDownUnneededTime = min(o.ScaleDownUnneededTime, defaults.ScaleDownUnneededTime)
	if v.closed {
		o.ScaleDownUnneededTime = 0
	}
	return o, nil
}

// GroupOf is the Group that core knows as ng; nil if it is none of ours.
func GroupOf(ng cloudprovider.NodeGroup) *Group {
	switch g := ng.(type) {
	case *Group:
		return g
	case *nodeView:
		return g.Group
	default:
		return nil
	}
}

// IsOutdated reports whether the node is of an older generation than the group's environment, and so to be replaced.
func (g *Group) IsOutdated(node *corev1.Node) bool {
	g.p.mu.Lock()
	defer g.p.mu.Unlock()
	return batchmeta.IsOutdated(node.Labels[batchmeta.Generation], g.generation())
}

// generation is the environment's; 0 when there is no environment any more. It is called with mu held.
func (g *Group) generation() int {
	if g.env == nil {
		return 0
	}
	return g.env.Generation
}
