// SPDX-License-Identifier: Apache-2.0

package virtual

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
)

// History tells what became of the pods whose names begin so in the time until now, and when nodes and leaders came and
// went: one line each.
func (c *Cluster) History(prefix string, latest time.Duration) string {
	var b strings.Builder
	since := time.Now().Add(-latest)
	steps := c.pods.changes(func(name string) bool { return strings.HasPrefix(name, prefix) })
	for _, step := range steps {
		if what := describe(step.from, step.to); what != "" && step.at.After(since) {
			fmt.Fprintf(&b, "%9.3f %s\n", step.at.Sub(c.began).Seconds(), what)
		}
	}
	for _, step := range c.nodes.changes(func(string) bool { return true }) {
		fmt.Fprintf(&b, "%9.3f node: %s\n", step.at.Sub(c.began).Seconds(), describeNode(step.from, step.to))
	}
	for i, at := range c.led {
		fmt.Fprintf(&b, "%9.3f leader %d starts\n", at.Sub(c.began).Seconds(), i+1)
	}
	return b.String()
}

func describeNode(from, to **corev1.Node) string {
	switch {
	case from == nil:
		return (*to).Name + " comes"
	case to == nil:
		return (*from).Name + " goes"
	default:
		return (*to).Name + " changes"
	}
}

// describe says what changed about a pod; empty when it is nothing of interest.
func describe(from, to **corev1.Pod) string {
	switch {
	case from == nil:
		return (*to).Name + " is created"
	case to == nil:
		return (*from).Name + " is gone"
	}
	old, pod := *from, *to
	switch {
	case pod.Spec.NodeName != old.Spec.NodeName:
		return pod.Name + " is bound to " + pod.Spec.NodeName
	case pod.Status.Phase != old.Status.Phase:
		return pod.Name + " is " + string(pod.Status.Phase) + " " + pod.Status.Reason
	case pod.DeletionTimestamp != nil && old.DeletionTimestamp == nil:
		return pod.Name + " is being deleted"
	}
	if why := plugintest.Condition(pod); why != nil {
		return pod.Name + ": " + why.Message
	}
	return ""
}
