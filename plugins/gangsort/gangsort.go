// SPDX-License-Identifier: Apache-2.0

package gangsort

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/muster-batch/muster/plugins/gang"
)

// Name is the plugin's name in a KubeSchedulerConfiguration.
const Name = "GangSort"

// Orders gives each pod its place in the queue. It must give a queued pod the same one every time.
type Orders interface {
	Order(pod *corev1.Pod) gang.Order
}

// GangSort sorts the scheduling queue.
type GangSort struct{ orders Orders }

var _ framework.QueueSortPlugin = (*GangSort)(nil)

// Factory returns the plugin's factory. All profiles of a scheduler must share the orders.
func Factory(orders Orders) frameworkruntime.PluginFactory {
	return func(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) {
		return New(orders), nil
	}
}

// New returns the plugin.
func New(orders Orders) *GangSort { return &GangSort{orders: orders} }

// Name returns the plugin's name.
func (*GangSort) Name() string { return Name }

// Less reports whether a is to be tried before b.
func (s *GangSort) Less(a, b *framework.QueuedPodInfo) bool {
	return s.orders.Order(a.Pod).Before(s.orders.Order(b.Pod))
}
