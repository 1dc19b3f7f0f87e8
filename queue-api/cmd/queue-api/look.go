// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/muster-batch/muster/queue-api/controlplane"
)

// podLook asks clusters about pods that wait for a node, one at a time.
type podLook struct {
	clients func(cluster string) corev1client.PodsGetter
}

var _ controlplane.PodLook = podLook{}

// Unscheduled implements controlplane.PodLook.
func (l podLook) Unscheduled(ctx context.Context, cluster, namespace, name string) (string, error) {
	client := l.clients(cluster)
	if client == nil {
		return "", fmt.Errorf("cluster %s: is not registered", cluster)
	}
	pod, err := client.Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look at pod: %w", err)
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Message, nil
		}
	}
	return "", nil
}

// pods are the pods of a cluster, by the cluster's ARN; nil if it is not registered.
func (p *peers) pods(cluster string) corev1client.PodsGetter {
	if cluster == "" {
		return p.home
	}
	for _, one := range p.registered() {
		if one.registration.Is(cluster) {
			return one.client
		}
	}
	return nil
}
