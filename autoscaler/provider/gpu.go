// SPDX-License-Identifier: Apache-2.0

package provider

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider"
	cacontext "k8s.io/autoscaler/cluster-autoscaler/context"
	"k8s.io/autoscaler/cluster-autoscaler/processors/customresources"
	drasnapshot "k8s.io/autoscaler/cluster-autoscaler/simulator/dynamicresources/snapshot"
	caerrors "k8s.io/autoscaler/cluster-autoscaler/utils/errors"
	kubeutil "k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"

	"github.com/muster-batch/muster/autoscaler/nodetemplate"
)

// GPUReadiness makes a node of a GPU type wait until its GPUs are there: it is on its way until then, and what it was bought
// for is not bought again. Core's own way goes by a label.
type GPUReadiness struct{ Provider *Provider }

var _ customresources.CustomResourcesProcessor = GPUReadiness{}

// FilterOutNodesWithUnreadyResources implements customresources.CustomResourcesProcessor.
func (r GPUReadiness) FilterOutNodesWithUnreadyResources(
	_ *cacontext.AutoscalingContext, all, ready []*corev1.Node, _ *drasnapshot.Snapshot,
) (allNodes, readyNodes []*corev1.Node) {
	waiting := map[string]*corev1.Node{}
	for _, n := range ready {
		if gpus := n.Status.Allocatable[nodetemplate.GPU]; gpus.IsZero() && r.Provider.gpusOf(n) > 0 {
			waiting[n.Name] = kubeutil.GetUnreadyNodeCopy(n, kubeutil.ResourceUnready)
			continue
		}
		readyNodes = append(readyNodes, n)
	}
	for _, n := range all {
		if unready := waiting[n.Name]; unready != nil {
			n = unready
		}
		allNodes = append(allNodes, n)
	}
	return allNodes, readyNodes
}

// GetNodeResourceTargets implements customresources.CustomResourcesProcessor; only limits, of which there are none, need it.
func (r GPUReadiness) GetNodeResourceTargets(
	*cacontext.AutoscalingContext, *corev1.Node, cloudprovider.NodeGroup,
) ([]customresources.CustomResourceTarget, caerrors.AutoscalerError) {
	return nil, nil
}

// CleanUp implements customresources.CustomResourcesProcessor.
func (r GPUReadiness) CleanUp() {}

// gpusOf is how many GPUs the node should have.
func (p *Provider) gpusOf(n *corev1.Node) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.instances[n.Spec.ProviderID]; i != nil {
		return i.group.typ.GPUs
	}
	return 0
}
