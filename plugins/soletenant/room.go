// SPDX-License-Identifier: Apache-2.0

package soletenant

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Is reports whether the node is for one pod.
func Is(node *corev1.Node) bool { return node.Labels[batchmeta.SoleTenant] == "true" }

// IsTaken reports whether the node is for one pod, and another one than the given has claimed it.
func IsTaken(node *corev1.Node, pod types.UID) bool {
	if !Is(node) {
		return false
	}
	tenant := node.Annotations[batchmeta.Tenant]
	return tenant != "" && tenant != string(pod)
}

// Room returns how many of the given number of pods a node takes that has room for them: of one that is for one pod, one
// while it has no tenant.
func Room(info *framework.NodeInfo, pods int64) int64 {
	if node := info.Node(); Is(node) {
		if node.Annotations[batchmeta.Tenant] != "" || hasTenant(info) {
			return 0
		}
		return min(pods, 1)
	}
	return pods
}

func hasTenant(info *framework.NodeInfo) bool {
	for _, p := range info.Pods {
		if isTenant(p.Pod) {
			return true
		}
	}
	return false
}

// isTenant reports whether the pod is on its node for its own sake.
func isTenant(pod *corev1.Pod) bool {
	if _, isMirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; isMirror {
		return false
	}
	owner := metav1.GetControllerOfNoCopy(pod)
	return owner == nil || owner.Kind != "DaemonSet"
}
