// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Node returns a node with that many CPUs and room for 110 pods.
func Node(name string, cpus int) *corev1.Node {
	return st.MakeNode().Name(name).UID("uid-of-"+name).Label(corev1.LabelHostname, name).Capacity(map[corev1.ResourceName]string{
		corev1.ResourceCPU:    strconv.Itoa(cpus),
		corev1.ResourceMemory: "64Gi",
		corev1.ResourcePods:   "110",
	}).Obj()
}

// Pod returns a pending pod of batch-scheduler that asks for that many CPUs.
func Pod(name string, cpus int) *corev1.Pod {
	pod := st.MakePod().Namespace(Namespace).Name(name).UID("uid-of-" + name).SchedulerName(batchmeta.SchedulerName).
		Req(map[corev1.ResourceName]string{corev1.ResourceCPU: strconv.Itoa(cpus)}).Obj()
	pod.CreationTimestamp = metav1.NewTime(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
	return pod
}

// Gang returns the members name-0, name-1, … of a gang.
func Gang(name string, size, cpus int) []*corev1.Pod {
	pods := make([]*corev1.Pod, size)
	for i := range pods {
		pods[i] = Pod(name+"-"+strconv.Itoa(i), cpus)
		pods[i].Labels = map[string]string{batchmeta.Gang: name}
		pods[i].Annotations = map[string]string{batchmeta.GangSize: strconv.Itoa(size)}
	}
	return pods
}

// Names returns the pods' names.
func Names(pods []*corev1.Pod) []string {
	names := make([]string, len(pods))
	for i := range pods {
		names[i] = pods[i].Name
	}
	return names
}

// CreatePods adds pods to the running cluster.
func (c *Cluster) CreatePods(pods ...*corev1.Pod) {
	c.tb.Helper()
	for _, pod := range pods {
		if _, err := c.Client.CoreV1().Pods(pod.Namespace).Create(context.Background(), pod, metav1.CreateOptions{}); err != nil {
			c.tb.Fatal(err)
		}
	}
}

// CreateNodes adds nodes to the running cluster.
func (c *Cluster) CreateNodes(nodes ...*corev1.Node) {
	c.tb.Helper()
	for _, node := range nodes {
		if _, err := c.Client.CoreV1().Nodes().Create(context.Background(), node, metav1.CreateOptions{}); err != nil {
			c.tb.Fatal(err)
		}
	}
}

// DeletePods removes pods from the running cluster.
func (c *Cluster) DeletePods(names ...string) {
	c.tb.Helper()
	for _, name := range names {
		if err := c.Client.CoreV1().Pods(Namespace).Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			c.tb.Fatal(err)
		}
	}
}

// Selector returns the selector of one label.
func Selector(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}
