// SPDX-License-Identifier: Apache-2.0

package gangpack

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	clientset "k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/muster-batch/muster/queue-api/jobtrace"
)

// Name is the plugin's name in a KubeSchedulerConfiguration.
const Name = "GangPack"

// GangPack scores nodes by how full they get and binds pods.
type GangPack struct {
	client  clientset.Interface
	nodes   corelisters.NodeLister
	binding chan struct{}    // has one for each Binding that is being written
	tracer  *jobtrace.Tracer // may be nil
}

var (
	_ framework.PreScorePlugin = (*GangPack)(nil)
	_ framework.ScorePlugin    = (*GangPack)(nil)
	_ framework.BindPlugin     = (*GangPack)(nil)
)

// Factory makes the plugin's factory. The tracer is told of each pod that is bound; it may be nil.
func Factory(tracer *jobtrace.Tracer) frameworkruntime.PluginFactory {
	return func(_ context.Context, _ runtime.Object, handle framework.Handle) (framework.Plugin, error) {
		g := newGangPack(handle.ClientSet(), handle.SharedInformerFactory().Core().V1().Nodes().Lister())
		g.tracer = tracer
		return g, nil
	}
}

func newGangPack(client clientset.Interface, nodes corelisters.NodeLister) *GangPack {
	return &GangPack{client: client, nodes: nodes, binding: make(chan struct{}, bindsAtOnce)}
}

// Name returns the plugin's name.
func (*GangPack) Name() string { return Name }
