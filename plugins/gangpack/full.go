// SPDX-License-Identifier: Apache-2.0

package gangpack

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// PerMille returns how full a node is: the mean over CPU and memory of the share of its allocatable that is requested.
func PerMille(node *framework.NodeInfo) int64 {
	of := func(used, have int64) int64 {
		if have <= 0 || used >= have {
			return 1000
		}
		return int64(float64(used) / float64(have) * 1000)
	}
	return (of(node.Requested.MilliCPU, node.Allocatable.MilliCPU) + of(node.Requested.Memory, node.Allocatable.Memory)) / 2
}

// Unasked returns how many kinds of extended resources a node has that are not asked for. Other work may wait for them.
func Unasked(node *framework.NodeInfo, isAsked func(corev1.ResourceName) bool) int {
	n := 0
	for name, have := range node.Allocatable.ScalarResources {
		if have > 0 && isExtended(name) && !isAsked(name) {
			n++
		}
	}
	return n
}

// isExtended tells an extended resource from huge pages and volume limits, which every node of a kind has.
func isExtended(name corev1.ResourceName) bool {
	return strings.Contains(string(name), "/") && !strings.HasPrefix(string(name), corev1.ResourceDefaultNamespacePrefix)
}
