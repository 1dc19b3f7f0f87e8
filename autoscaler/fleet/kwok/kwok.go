// SPDX-License-Identifier: Apache-2.0

package kwok

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

const (
	managed        = "kwok.x-k8s.io/node" // annotation; KWOK manages nodes where its value is fake
	managedValue   = "fake"
	providerPrefix = "muster:///kwok/"
)

// Fleet makes simulated nodes. Its types are those of the built-in catalogue.
type Fleet struct {
	nodes     typedcorev1.NodeInterface
	catalogue *instancetype.Catalogue
}

var _ fleet.Fleet = (*Fleet)(nil)

// New makes a fleet of the cluster's simulated nodes.
func New(nodes typedcorev1.NodeInterface) *Fleet {
	return &Fleet{nodes: nodes, catalogue: instancetype.Builtin()}
}

// InstanceTypes implements fleet.Fleet.
func (f *Fleet) InstanceTypes(_ context.Context, names []string) ([]instancetype.Type, error) {
	return f.catalogue.Resolve(names)
}

// Launch implements fleet.Fleet.
func (f *Fleet) Launch(ctx context.Context, r fleet.LaunchRequest) ([]fleet.Instance, error) {
	return fleet.LaunchEach(ctx, f, r)
}

// LaunchOne implements fleet.Single. The instance's id follows from its token, so a repeat finds the node there.
func (f *Fleet) LaunchOne(ctx context.Context, r fleet.LaunchRequest, token string) (fleet.Instance, error) {
	if err := ctx.Err(); err != nil {
		return fleet.Instance{}, fmt.Errorf("launch: %w", err)
	}
	node := newNode(r, token)
	err := crashpoint.Around("kwok/launch", func() error {
		_, err := f.nodes.Create(ctx, node, metav1.CreateOptions{})
		return err
	})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fleet.Instance{}, fmt.Errorf("create node %s: %w", node.Name, err)
	}
	return instanceOf(node), nil
}

func newNode(r fleet.LaunchRequest, token string) *corev1.Node {
	sum := sha256.Sum256([]byte(token))
	id := "i-" + hex.EncodeToString(sum[:])[:17]
	node := nodetemplate.Node(id, &nodetemplate.Spec{
		Group: r.NodeGroup, EnvironmentUUID: r.Environment.UUID, CapacityType: r.CapacityType, Type: r.Type,
	})
	maps.Copy(node.Labels, r.Labels)
	node.Labels[batchmeta.InstanceID] = id
	node.Annotations = map[string]string{managed: managedValue, batchmeta.LaunchToken: token}
	node.Spec.ProviderID = providerPrefix + id
	node.Spec.Taints = r.Taints
	node.Status.Conditions = []corev1.NodeCondition{ // KWOK says when it is ready
		{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "Launching"},
	}
	return node
}

// List implements fleet.Fleet.
func (f *Fleet) List(ctx context.Context) ([]fleet.Instance, error) {
	nodes, err := f.nodes.List(ctx, metav1.ListOptions{LabelSelector: batchmeta.InstanceID})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	out := make([]fleet.Instance, 0, len(nodes.Items))
	for i := range nodes.Items {
		if nodes.Items[i].Annotations[managed] == managedValue {
			out = append(out, instanceOf(&nodes.Items[i]))
		}
	}
	return out, nil
}

func instanceOf(n *corev1.Node) fleet.Instance {
	return fleet.Instance{
		ID:              n.Labels[batchmeta.InstanceID],
		ProviderID:      n.Spec.ProviderID,
		NodeGroup:       n.Labels[batchmeta.NodeGroup],
		EnvironmentUUID: n.Labels[batchmeta.ComputeEnvironmentUUID],
		InstanceType:    n.Labels[corev1.LabelInstanceTypeStable],
		Token:           n.Annotations[batchmeta.LaunchToken],
		State:           state(n),
	}
}

func state(n *corev1.Node) fleet.State {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
			return fleet.Running
		}
	}
	return fleet.Pending
}

// Terminate implements fleet.Fleet.
func (f *Fleet) Terminate(ctx context.Context, ids []string) error {
	var errs []error
	for _, id := range ids {
		err := crashpoint.Around("kwok/terminate", func() error { return f.nodes.Delete(ctx, id, metav1.DeleteOptions{}) })
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete node %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}
