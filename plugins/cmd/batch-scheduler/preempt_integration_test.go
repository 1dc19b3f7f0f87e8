// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// TestPreemption runs the program under its own role against a real control plane: a gang whose PriorityClass may preempt
// takes the room of one that ends slowly, and of no other.
func TestPreemption(t *testing.T) {
	cluster := kubetest.Start(t)
	cluster.CreateNamespace("muster-system")
	cluster.Apply("../../../manifests/base/scheduler")
	c := &client{ControlPlane: cluster, t: t}
	class := &schedulingv1.PriorityClass{
		ObjectMeta: metav1.ObjectMeta{Name: "urgent", Annotations: map[string]string{batchmeta.Preemption: batchmeta.PreemptionEnabled}},
		Value:      100,
	}
	if _, err := cluster.Client.SchedulingV1().PriorityClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	scheduler := cluster.RunScheduler(build(t), "-v=2")
	c.awaitReady(scheduler)
	for _, name := range []string{"n1", "n2", "n3"} {
		c.bootNode(name)
	}
	low := plugintest.Gang("low", 2, 2)
	for _, pod := range low {
		pod.Finalizers = []string{batchmeta.Tracking} // there is no kubelet to take its time
		pod.Spec.TerminationGracePeriodSeconds = new(int64(0))
	}
	c.create(append(low, plugintest.Pod("single", 2))...)
	c.Await("all nodes are full", func(context.Context) bool { return c.bound("low-0", "low-1", "single") == 3 })

	high := plugintest.Gang("high", 2, 2)
	for _, pod := range high {
		pod.Spec.PriorityClassName = class.Name
	}
	c.create(high...)
	for _, pod := range low {
		c.Await(pod.Name+" is preempted", func(ctx context.Context) bool {
			pod := c.pod(ctx, pod.Name)
			return pod.DeletionTimestamp != nil && slices.ContainsFunc(pod.Status.Conditions, func(cond corev1.PodCondition) bool {
				return cond.Type == corev1.DisruptionTarget && cond.Reason == corev1.PodReasonPreemptionByScheduler
			})
		})
	}
	for _, pod := range low {
		c.release(pod.Name)
	}
	c.Await("the gang has the room", func(context.Context) bool { return c.bound("high-0", "high-1") == 2 })
	if c.pod(t.Context(), "single").DeletionTimestamp != nil {
		t.Error("a pod was preempted, too")
	}
	if log := scheduler.Log(); strings.Contains(log, "forbidden") {
		t.Errorf("something was forbidden:\n%s", log)
	}
}

// release takes a pod's finalizers away, so that it ends.
func (c *client) release(name string) {
	c.t.Helper()
	_, err := c.Client.CoreV1().Pods(plugintest.Namespace).Patch(c.t.Context(), name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		c.t.Fatal(err)
	}
}
