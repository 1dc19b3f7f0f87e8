// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/muster-batch/muster/plugins/gang"
)

// GateName is the gate's name in a KubeSchedulerConfiguration.
const GateName = "GangGate"

// Gate holds the members of gangs outside the scheduling queue until the ledger lets them in. GangFit activates them then;
// no event of the cluster does.
//
// That is why the gate calls itself what the built-in plugin for scheduling gates is called. kube-scheduler looks at each
// pod that waits whenever anything happens in the cluster, and does so under the lock of its queue; only pods that were
// held by that name are passed over. With any other name each waiting member would cost about a microsecond of every event.
type Gate struct{ ledger *gang.Ledger }

var (
	_ framework.PreEnqueuePlugin  = (*Gate)(nil)
	_ framework.EnqueueExtensions = (*Gate)(nil)
)

// GateFactory returns the gate's factory. The ledger is the one that GangFit feeds.
func GateFactory(ledger *gang.Ledger) frameworkruntime.PluginFactory {
	return func(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) {
		return &Gate{ledger: ledger}, nil
	}
}

// Name returns the name of the built-in plugin for scheduling gates; see Gate.
func (*Gate) Name() string { return names.SchedulingGates }

// PreEnqueue holds a member back.
func (g *Gate) PreEnqueue(_ context.Context, pod *corev1.Pod) *framework.Status {
	if why := g.ledger.Obstacle(pod); why != "" {
		return unschedulable(why)
	}
	return nil
}

// EventsToRegister returns none.
func (*Gate) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return nil, nil
}
