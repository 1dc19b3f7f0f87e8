// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// Await waits until cond holds and fails the test if it never does.
func (c *Cluster) Await(what string, cond func() bool) {
	c.tb.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 5*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return cond(), nil })
	if err != nil {
		c.tb.Fatalf("waited in vain: %s\n%s", what, c.dump())
	}
}

// AwaitBound waits until all the pods have a node.
func (c *Cluster) AwaitBound(names ...string) {
	c.tb.Helper()
	for _, name := range names {
		c.Await(name+" is bound", func() bool { return c.Pod(name).Spec.NodeName != "" })
	}
}

// AwaitUnschedulable waits until all the pods are marked unschedulable, with a message that contains the text.
func (c *Cluster) AwaitUnschedulable(text string, names ...string) {
	c.tb.Helper()
	c.AwaitCondition(corev1.PodReasonUnschedulable, text, names...)
}

// AwaitCondition waits until all the pods have the condition PodScheduled false for the reason, with a message that contains
// the text.
func (c *Cluster) AwaitCondition(reason, text string, names ...string) {
	c.tb.Helper()
	for _, name := range names {
		c.Await(name+" has the condition "+reason+": "+text, func() bool {
			cond := Condition(c.Pod(name))
			return cond != nil && cond.Reason == reason && strings.Contains(cond.Message, text)
		})
	}
}

// Condition returns the pod's condition PodScheduled when it is false, else nil.
func Condition(pod *corev1.Pod) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if cond := &pod.Status.Conditions[i]; cond.Type == corev1.PodScheduled && cond.Status == corev1.ConditionFalse {
			return cond
		}
	}
	return nil
}

// Pod returns a pod as the API server has it.
func (c *Cluster) Pod(name string) *corev1.Pod {
	c.tb.Helper()
	pod, err := c.Client.CoreV1().Pods(Namespace).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		c.tb.Fatal(err)
	}
	return pod
}

// Bound returns how many of the pods have a node.
func (c *Cluster) Bound(names ...string) int {
	c.tb.Helper()
	n := 0
	for _, name := range names {
		if c.Pod(name).Spec.NodeName != "" {
			n++
		}
	}
	return n
}

// Reserved returns the pods that hold room on a node in the scheduler's cache without being bound.
func (c *Cluster) Reserved() []string {
	c.tb.Helper()
	pods := map[types.UID]*corev1.Pod{}
	for _, pod := range c.pods() {
		pods[pod.UID] = &pod
	}
	var names []string
	for _, info := range c.Scheduler.Cache.Dump().Nodes {
		for _, p := range info.Pods {
			if pod := pods[p.Pod.UID]; pod != nil && pod.Spec.NodeName == "" {
				names = append(names, pod.Name)
			}
		}
	}
	return names
}

func (c *Cluster) pods() []corev1.Pod {
	c.tb.Helper()
	list, err := c.Client.CoreV1().Pods(Namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		c.tb.Fatal(err)
	}
	return list.Items
}

// dump describes all pods, for a failure's message.
func (c *Cluster) dump() string {
	c.tb.Helper()
	var b strings.Builder
	for _, pod := range c.pods() {
		b.WriteString(pod.Name + " on " + pod.Spec.NodeName)
		if cond := Condition(&pod); cond != nil {
			b.WriteString(": " + cond.Reason + ": " + cond.Message)
		}
		b.WriteString("\n")
	}
	return b.String()
}
