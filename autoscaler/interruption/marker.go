// SPDX-License-Identifier: Apache-2.0

package interruption

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// IsMarked reports whether no more pods may come to the node because of what was announced of its instance.
func IsMarked(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == batchmeta.Interruption })
}

// Marker writes on nodes what was announced of their instances.
type Marker struct {
	nodes typedcorev1.NodeInterface
	clock clock.PassiveClock
}

// NewMarker makes a marker that may get and patch nodes.
func NewMarker(nodes typedcorev1.NodeInterface, c clock.PassiveClock) *Marker {
	return &Marker{nodes: nodes, clock: c}
}

// Mark writes a notice on the node. It reports whether the node was changed: one that is marked already, is gone, or is by now
// another instance's is left as it is.
func (m *Marker) Mark(ctx context.Context, node string, n *Notice) (bool, error) {
	changed, err := m.change(ctx, node, n.InstanceID, func(node *corev1.Node) bool { return m.announce(node, n) })
	if err != nil {
		return false, fmt.Errorf("mark node %s for %s: %w", node, n.Kind, err)
	}
	return changed, nil
}

// OutOfService writes on the node that its instance does not run any more.
func (m *Marker) OutOfService(ctx context.Context, node, instanceID string) error {
	_, err := m.change(ctx, node, instanceID, func(node *corev1.Node) bool {
		return m.taint(node, corev1.Taint{Key: corev1.TaintNodeOutOfService, Value: "terminated", Effect: corev1.TaintEffectNoExecute})
	})
	if err != nil {
		return fmt.Errorf("mark node %s as out of service: %w", node, err)
	}
	return nil
}

func (m *Marker) announce(node *corev1.Node, n *Notice) bool {
	isEnding := slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool {
		return t.Key == batchmeta.Interruption && t.Effect == corev1.TaintEffectNoExecute
	})
	if isEnding {
		return false // nothing worse can be announced
	}
	changed := m.taint(node, corev1.Taint{Key: batchmeta.Interruption, Value: string(n.Kind), Effect: n.effect()})
	if changed && n.effect() == corev1.TaintEffectNoExecute && !n.Deadline.IsZero() {
		metav1.SetMetaDataAnnotation(&node.ObjectMeta, batchmeta.InterruptionDeadline, n.Deadline.UTC().Format(time.RFC3339))
	}
	return changed
}

// taint adds a taint unless the node has one of its key and effect.
func (m *Marker) taint(node *corev1.Node, t corev1.Taint) bool {
	if slices.ContainsFunc(node.Spec.Taints, func(other corev1.Taint) bool { return other.MatchTaint(&t) }) {
		return false
	}
	t.TimeAdded = new(metav1.NewTime(m.clock.Now()))
	node.Spec.Taints = append(node.Spec.Taints, t)
	return true
}

// change applies f to the node as it is, and once more if somebody else wrote meanwhile.
func (m *Marker) change(ctx context.Context, name, instanceID string, f func(*corev1.Node) bool) (changed bool, err error) {
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		node, err := m.nodes.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if changed = isOf(node, instanceID) && f(node); !changed {
			return nil
		}
		patch, err := patchOf(node)
		if err != nil {
			return err
		}
		return crashpoint.Around("nodes/mark", func() error {
			_, err := m.nodes.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
			return err
		})
	})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return changed && err == nil, err
}

// isOf reports whether the node is the instance's. The provider id of a node of EC2 ends with the instance's id; where no cloud
// controller runs, nodes have none.
func isOf(node *corev1.Node, instanceID string) bool {
	return node.Spec.ProviderID == "" || strings.HasSuffix(node.Spec.ProviderID, "/"+instanceID)
}

// patchOf holds what a marker writes, on condition that nobody else has written since.
func patchOf(node *corev1.Node) ([]byte, error) {
	metadata := map[string]any{"uid": node.UID, "resourceVersion": node.ResourceVersion}
	if deadline, ok := node.Annotations[batchmeta.InterruptionDeadline]; ok {
		metadata["annotations"] = map[string]string{batchmeta.InterruptionDeadline: deadline}
	}
	return json.Marshal(map[string]any{"metadata": metadata, "spec": map[string]any{"taints": node.Spec.Taints}})
}
