// SPDX-License-Identifier: Apache-2.0

package gangpack

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// bindsAtOnce is how many Bindings are written at the same time. All members of a gang ask at the same moment, but a connection
// to an API server carries a hundred requests at once. What waits for one of those is woken, all of it, by every answer, and
// the renewal of the scheduler's lease and its watches would wait among them. So members wait here, which costs nothing.
const bindsAtOnce = 64

// Bind binds the pod to the node, whose UID goes with the Binding as annotation batchmeta.NodeUID.
func (g *GangPack) Bind(ctx context.Context, _ *framework.CycleState, pod *corev1.Pod, nodeName string) *framework.Status {
	node, err := g.nodes.Get(nodeName)
	if err != nil { // gone since the plan was made: another attempt finds another node
		return framework.AsStatus(fmt.Errorf("bind pod to node %s: %w", nodeName, err))
	}
	klog.FromContext(ctx).V(3).Info("Binding pod", "pod", klog.KObj(pod), "node", klog.KObj(node))
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   pod.Namespace,
			Name:        pod.Name,
			UID:         pod.UID,
			Annotations: map[string]string{batchmeta.NodeUID: string(node.UID)},
		},
		Target: corev1.ObjectReference{Kind: "Node", Name: nodeName},
	}
	select {
	case g.binding <- struct{}{}:
		defer func() { <-g.binding }()
	case <-ctx.Done():
		return framework.AsStatus(ctx.Err())
	}
	err = crashpoint.Around("pods/bind", func() error {
		return g.client.CoreV1().Pods(pod.Namespace).Bind(ctx, binding, metav1.CreateOptions{})
	})
	if err == nil && g.tracer != nil {
		g.tracer.SendOfPod(pod, "schedule", pod.CreationTimestamp.Time, time.Now(), "", attribute.String("k8s.node.name", nodeName))
	}
	return framework.AsStatus(err) // nil for no error
}
