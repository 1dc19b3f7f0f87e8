// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"

	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/pack"
)

const (
	// endsWithin is how soon a pod must end for its room to count as free: sooner than a new node would be there.
	endsWithin = time.Minute
	// overdue is how long after its grace period a pod may still be there before nobody waits for it any more.
	overdue = 30 * time.Second
)

// isEnding reports whether the pod was told to end and does so soon, as the victims of a preemption. What waits for its room
// needs no node.
func isEnding(p *corev1.Pod, now time.Time) bool {
	if p.DeletionTimestamp == nil {
		return false
	}
	left := p.DeletionTimestamp.Sub(now) // of its grace period
	return left <= endsWithin && left >= -overdue
}

// freed is what pods that are ending give back of a node.
func freed(info *framework.NodeInfo, now time.Time) pack.Vector {
	var v pack.Vector
	for _, p := range info.ToScheduler().Pods {
		if isEnding(p.Pod, now) {
			r, _ := demand.Request(p.Pod)
			v = v.Plus(r, 1)
		}
	}
	return v
}
