// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/drainability"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/drainability/rules"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	"k8s.io/autoscaler/cluster-autoscaler/utils/drain"
	podutil "k8s.io/autoscaler/cluster-autoscaler/utils/pod"

	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Busy reports whether the pod keeps its node. Every unfinished pod does, also one that is being deleted, except those that
// belong to the node itself: DaemonSet and mirror pods. A Batch pod keeps its node whoever made it.
func Busy(p *corev1.Pod) bool {
	switch {
	case demand.IsFinished(p):
		return false
	case p.Labels[batchmeta.JobID] != "" || p.Labels[batchmeta.Gang] != "":
		return true
	default:
		return !podutil.IsDaemonSetPod(p) && !podutil.IsMirrorPod(p)
	}
}

// Rule lets Busy pods block the removal of their nodes, before any of cluster-autoscaler's own rules is asked: none of them
// may say that a job can be moved.
type Rule struct{}

var _ rules.Rule = Rule{}

// Name implements rules.Rule.
func (Rule) Name() string { return "BatchPod" }

// Drainable implements rules.Rule.
func (Rule) Drainable(_ *drainability.DrainContext, p *corev1.Pod, _ *framework.NodeInfo) drainability.Status {
	if Busy(p) {
		return drainability.NewBlockedStatus(drain.NotSafeToEvictAnnotation, fmt.Errorf("pod %s/%s is unfinished", p.Namespace, p.Name))
	}
	return drainability.NewUndefinedStatus()
}
