// SPDX-License-Identifier: Apache-2.0

package soletenant

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientset "k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// Name is the plugin's name in a KubeSchedulerConfiguration.
const Name = "SoleTenant"

// SoleTenant keeps nodes for one pod each.
type SoleTenant struct {
	client clientset.Interface
	nodes  corelisters.NodeLister
}

var (
	_ framework.FilterPlugin      = (*SoleTenant)(nil)
	_ framework.PreBindPlugin     = (*SoleTenant)(nil)
	_ framework.EnqueueExtensions = (*SoleTenant)(nil)
)

// New is the plugin's factory.
func New(_ context.Context, _ runtime.Object, handle framework.Handle) (framework.Plugin, error) {
	return &SoleTenant{client: handle.ClientSet(), nodes: handle.SharedInformerFactory().Core().V1().Nodes().Lister()}, nil
}

// Name returns the plugin's name.
func (*SoleTenant) Name() string { return Name }

// Filter keeps the pod off a node that has or had a tenant. Nobody's end helps it: such a node is not given away again.
func (*SoleTenant) Filter(_ context.Context, _ *framework.CycleState, pod *corev1.Pod, info *framework.NodeInfo) *framework.Status {
	node := info.Node()
	if Is(node) && (IsTaken(node, pod.UID) || hasTenant(info)) {
		return framework.NewStatus(framework.UnschedulableAndUnresolvable, "node(s) were for one pod each, and had another")
	}
	return nil
}

// EventsToRegister names what may help a pod that Filter kept off all nodes: another node.
func (*SoleTenant) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{
		{Event: framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add}},
	}, nil
}
