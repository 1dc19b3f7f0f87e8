// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// pods are the Batch pods of an environment, or of all if it is empty.
func (c *cluster) pods(ctx context.Context, environmentUUID string) ([]corev1.Pod, error) {
	selector := batchmeta.ComputeEnvironmentUUID
	if environmentUUID != "" {
		selector += "=" + environmentUUID
	}
	list, err := c.kube.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// nodes are the nodes of an environment, or of all if it is empty.
func (c *cluster) nodes(ctx context.Context, environmentUUID string) ([]corev1.Node, error) {
	selector := batchmeta.ComputeEnvironmentUUID
	if environmentUUID != "" {
		selector += "=" + environmentUUID
	}
	list, err := c.kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// checkEmpty tells what is left of nodes and pods: in Kubernetes, at the fleet and on this machine.
func (c *cluster) checkEmpty(ctx context.Context) error {
	var left []error
	pods, err := c.pods(ctx, "")
	if err != nil {
		return err
	}
	for _, pod := range pods {
		left = append(left, fmt.Errorf("pod %s, %s", pod.Name, pod.Status.Phase))
	}
	nodes, err := c.nodes(ctx, "")
	if err != nil {
		return err
	}
	for _, node := range nodes {
		left = append(left, fmt.Errorf("node %s of %s", node.Name, node.Labels[batchmeta.NodeGroup]))
	}
	instances, err := c.instances(ctx, "")
	if err != nil {
		return err
	}
	for _, i := range instances {
		left = append(left, fmt.Errorf("instance %s of %s, %s", i.InstanceID, i.ComputeEnvironment, i.State))
	}
	processes, err := c.processes()
	if err != nil {
		return err
	}
	for _, line := range processes {
		left = append(left, fmt.Errorf("process %.150s", line))
	}
	return errors.Join(left...)
}

// awaitEmpty waits until nothing is left of any node or pod.
func (c *cluster) awaitEmpty(ctx context.Context, limit time.Duration) error {
	if err := poll(ctx, limit, c.checkEmpty); err != nil {
		return fmt.Errorf("nodes and pods stay: %w", err)
	}
	return nil
}

// isReady reports whether the node says so.
func isReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// firstSeen watches nodes and pods of an environment and notes when it first sees a node ready, and a pod on a node.
// Kubernetes' own timestamps have whole seconds. The channels give a time each.
func (s *site) firstSeen(t *testing.T) (nodeReady, podBound <-chan time.Time) {
	t.Helper()
	options := metav1.ListOptions{LabelSelector: batchmeta.ComputeEnvironmentUUID + "=" + s.uuid}
	nodes, err := local.kube.CoreV1().Nodes().Watch(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	pods, err := local.kube.CoreV1().Pods("").Watch(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	nodeReady = first(nodes, func(object any) bool {
		node, ok := object.(*corev1.Node)
		return ok && isReady(node)
	})
	podBound = first(pods, func(object any) bool {
		pod, ok := object.(*corev1.Pod)
		return ok && pod.Spec.NodeName != ""
	})
	return nodeReady, podBound
}

// first gives the time when something that is watched first is as wanted, and then ends the watch.
func first(events watch.Interface, isWanted func(object any) bool) <-chan time.Time {
	seen := make(chan time.Time, 1)
	go func() {
		defer events.Stop()
		for event := range events.ResultChan() {
			if isWanted(event.Object) {
				seen <- time.Now()
				return
			}
		}
	}()
	return seen
}
