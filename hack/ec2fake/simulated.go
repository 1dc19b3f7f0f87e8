// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
)

// The annotation by which KWOK takes a node over.
const managed, managedValue = "kwok.x-k8s.io/node", "fake"

// simulated is KWOK: each instance is a Node object. It deletes the object itself, as the cloud controller of AWS does.
type simulated struct {
	nodes typedcorev1.NodeInterface
}

var _ host = (*simulated)(nil)

func newSimulated(kubeconfig string) (*simulated, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 100, 200
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the Kubernetes client: %w", err)
	}
	return &simulated{nodes: client.CoreV1().Nodes()}, nil
}

func (s *simulated) start(ctx context.Context, i *ec2fake.Instance, k *ec2fake.Kubelet) error {
	t, _ := instancetype.New(ec2fake.CommonTypes()).Lookup(i.Type)
	n := k.Node(i, t)
	n.Annotations = map[string]string{managed: managedValue}
	n.Status.Conditions = []corev1.NodeCondition{ // KWOK says when it is ready
		{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "Launching"},
	}
	_, err := s.nodes.Create(ctx, n, metav1.CreateOptions{})
	return err
}

func (s *simulated) end(ctx context.Context, i *ec2fake.Instance) error {
	return s.remove(ctx, i.NodeName())
}

func (s *simulated) clear(ctx context.Context) error {
	all, err := s.nodes.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var errs []error
	for n := range all.Items {
		if node := &all.Items[n]; node.Annotations[managed] == managedValue && strings.HasPrefix(node.Spec.ProviderID, "aws:///") {
			errs = append(errs, s.remove(ctx, node.Name))
		}
	}
	return errors.Join(errs...)
}

func (s *simulated) remove(ctx context.Context, name string) error {
	if err := s.nodes.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return nil
}
