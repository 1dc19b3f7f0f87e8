// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	podutil "k8s.io/autoscaler/cluster-autoscaler/utils/pod"

	"github.com/muster-batch/muster/autoscaler/demand"
	"github.com/muster-batch/muster/autoscaler/pack"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// isSole reports whether the node is for one pod.
func isSole(n *corev1.Node) bool { return n.Labels[batchmeta.SoleTenant] == "true" }

// isTaken reports whether the node is for one pod and has, or had, it. One that is claimed for a pod which is not bound yet
// is still there for that pod, which is wanted as long.
func (b *board) isTaken(info *framework.NodeInfo) bool {
	node := info.Node()
	if !isSole(node) {
		return false
	}
	claim := node.Annotations[batchmeta.Tenant]
	return len(tenants(info)) > 0 || claim != "" && !b.isPending(types.UID(claim))
}

// tenants are the pods of a node that are not the node's own.
func tenants(info *framework.NodeInfo) (pods []*corev1.Pod) {
	for _, p := range info.ToScheduler().Pods {
		if !podutil.IsDaemonSetPod(p.Pod) && !podutil.IsMirrorPod(p.Pod) {
			pods = append(pods, p.Pod)
		}
	}
	return pods
}

// sole is what is free on a node for the one pod that it takes.
func sole(free pack.Vector) pack.Vector {
	free.Pods = min(free.Pods, 1)
	return free
}

// addBudget notes what an environment may have and has: vCPUs of instances, or what pods ask for that have a node each.
func (b *board) addBudget(m int, infos []*framework.NodeInfo) {
	market := &b.markets[m]
	budget := market.Environment.Budget(market.UsedVCPUs)
	if budget.Sole {
		for _, info := range infos {
			if node := info.Node(); isSole(node) && node.Labels[batchmeta.ComputeEnvironmentUUID] == market.Environment.UUID {
				budget.Used += soleUse(info)
			}
		}
	}
	b.problem.Budgets = append(b.problem.Budgets, budget)
}

func soleUse(info *framework.NodeInfo) int {
	used := 0
	for _, p := range tenants(info) {
		r, _ := demand.Request(p)
		used += max(int(r.CPUMillis), pack.LeastSole)
	}
	return used
}

// budgetOf is the budget of a node's environment; negative if that is not known.
func (b *board) budgetOf(n *corev1.Node) int {
	for m := range b.markets {
		if b.markets[m].Environment.UUID == n.Labels[batchmeta.ComputeEnvironmentUUID] {
			return m
		}
	}
	return -1
}
