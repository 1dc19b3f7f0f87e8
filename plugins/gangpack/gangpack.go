// SPDX-License-Identifier: Apache-2.0

package gangpack

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	clientset "k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// Name is the plugin's name in a KubeSchedulerConfiguration.
const Name = "GangPack"

// GangPack scores nodes by how full they get and binds pods.
type GangPack struct {
	client  clientset.Interface
	nodes   corelisters.NodeLister
	binding chan struct{} // has one for each Binding that is being written
}

var (
	_ framework.PreScorePlugin = (*GangPack)(nil)
	_ framework.ScorePlugin    = (*GangPack)(nil)
	_ framework.BindPlugin     = (*GangPack)(nil)
)

// New is the plugin's factory.
func New(_ context.Context, _ runtime.Object, handle framework.Handle) (framework.Plugin, error) {
	return newGangPack(handle.ClientSet(), handle.SharedInformerFactory().Core().V1().Nodes().Lister()), nil
}

func newGangPack(client clientset.Interface, nodes corelisters.NodeLister) *GangPack {
	return &GangPack{client: client, nodes: nodes, binding: make(chan struct{}, bindsAtOnce)}
}

// Name returns the plugin's name.
func (*GangPack) Name() string { return Name }
