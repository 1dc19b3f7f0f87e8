// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/autoscaler/cluster-autoscaler/utils/taints"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/muster-batch/muster/autoscaler/provider"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// Cluster asks the API server about nodes that are to go, without any cache between.
type Cluster struct {
	client typedcorev1.CoreV1Interface
}

var _ provider.Cluster = (*Cluster)(nil)

// NewCluster makes a Cluster of an API client.
func NewCluster(client typedcorev1.CoreV1Interface) *Cluster { return &Cluster{client: client} }

// Node implements provider.Cluster. A node that has just registered may not have been labelled with its instance yet, so it
// goes by the provider id, too, of which the instance's is the end.
func (c *Cluster) Node(ctx context.Context, instanceID string) (*corev1.Node, error) {
	nodes, err := c.client.Nodes().List(ctx, metav1.ListOptions{LabelSelector: batchmeta.NodeGroup})
	if err != nil {
		return nil, fmt.Errorf("find node of instance %s: %w", instanceID, err)
	}
	for i := range nodes.Items {
		n := &nodes.Items[i]
		if n.Labels[batchmeta.InstanceID] == instanceID || strings.HasSuffix(n.Spec.ProviderID, "/"+instanceID) {
			return n, nil
		}
	}
	return nil, nil
}

// ProviderIDs implements provider.Cluster.
func (c *Cluster) ProviderIDs(ctx context.Context) (map[string]bool, error) {
	nodes, err := c.client.Nodes().List(ctx, metav1.ListOptions{LabelSelector: batchmeta.NodeGroup})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	ids := make(map[string]bool, len(nodes.Items))
	for i := range nodes.Items {
		ids[nodes.Items[i].Spec.ProviderID] = true
	}
	return ids, nil
}

// LabelNode implements provider.Cluster.
func (c *Cluster) LabelNode(ctx context.Context, node, instanceID string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]string{batchmeta.InstanceID: instanceID}}})
	if err != nil {
		return fmt.Errorf("encode label of node %s: %w", node, err)
	}
	err = crashpoint.Around("nodes/label", func() error {
		_, err := c.client.Nodes().Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("label node %s: %w", node, err)
	}
	return nil
}

// ReserveNode implements provider.Cluster.
func (c *Cluster) ReserveNode(ctx context.Context, node, value string) error {
	annotations := map[string]*string{batchmeta.Reserved: &value}
	if value == "" {
		annotations[batchmeta.Reserved] = nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
	if err != nil {
		return fmt.Errorf("encode reservation of node %s: %w", node, err)
	}
	err = crashpoint.Around("nodes/reserve", func() error {
		_, err := c.client.Nodes().Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("reserve node %s: %w", node, err)
	}
	return nil
}

// IsClosed implements provider.Cluster. A get without a resource version is of the present, as the list of Occupant is.
func (c *Cluster) IsClosed(ctx context.Context, node *corev1.Node) (bool, error) {
	now, err := c.client.Nodes().Get(ctx, node.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("get node %s: %w", node.Name, err)
	}
	return now.UID != node.UID || taints.HasToBeDeletedTaint(now), nil
}

// Occupant implements provider.Cluster.
func (c *Cluster) Occupant(ctx context.Context, node string) (string, error) {
	// An empty resource version asks for the present, not for what a cache remembers.
	pods, err := c.client.Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String(),
	})
	if err != nil {
		return "", fmt.Errorf("list pods on node %s: %w", node, err)
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		if p.Spec.NodeName == node && Busy(p) {
			return p.Namespace + "/" + p.Name, nil
		}
	}
	return "", nil
}

// homelessPage is how many pods are asked for at once.
const homelessPage = 500

// Homeless implements provider.Cluster. Pods are listed before nodes, so that none is taken for homeless whose node has just come.
func (c *Cluster) Homeless(ctx context.Context) (string, error) {
	busy := map[string]string{} // by node
	options := metav1.ListOptions{FieldSelector: "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed", Limit: homelessPage}
	for {
		pods, err := c.client.Pods(metav1.NamespaceAll).List(ctx, options)
		if err != nil {
			return "", fmt.Errorf("list pods on nodes: %w", err)
		}
		for i := range pods.Items {
			if p := &pods.Items[i]; p.Spec.NodeName != "" && Busy(p) {
				busy[p.Spec.NodeName] = p.Namespace + "/" + p.Name
			}
		}
		if options.Continue = pods.Continue; options.Continue == "" {
			break
		}
	}
	if len(busy) == 0 {
		return "", nil
	}
	nodes, err := c.client.Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", fmt.Errorf("list nodes: %w", err)
	}
	for i := range nodes.Items {
		delete(busy, nodes.Items[i].Name)
	}
	for _, pod := range busy {
		return pod, nil
	}
	return "", nil
}

// DeleteNode implements provider.Cluster.
func (c *Cluster) DeleteNode(ctx context.Context, node *corev1.Node) error {
	options := metav1.DeleteOptions{}
	if node.UID != "" {
		options.Preconditions = metav1.NewUIDPreconditions(string(node.UID))
	}
	err := crashpoint.Around("nodes/delete", func() error { return c.client.Nodes().Delete(ctx, node.Name, options) })
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete node %s: %w", node.Name, err)
	}
	return nil
}
