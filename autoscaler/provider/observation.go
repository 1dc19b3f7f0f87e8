// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// observedFor is how long an observation is believed when no node of the group is left to confirm it.
const observedFor = 30 * time.Minute

// watched are the resources that nodes may have less of than their type promises.
var watched = [...]corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage, corev1.ResourcePods}

// observation is what nodes of a group that were ready had at least. The zero value is one of no node.
type observation struct {
	capacity, allocatable corev1.ResourceList
	at                    time.Time
}

// with is the observation of one more node.
func (o observation) with(s *corev1.NodeStatus, now time.Time) observation {
	if o.at.IsZero() {
		return observation{capacity: least(s.Capacity, s.Capacity), allocatable: least(s.Allocatable, s.Allocatable), at: now}
	}
	return observation{capacity: least(o.capacity, s.Capacity), allocatable: least(o.allocatable, s.Allocatable), at: now}
}

// least is the lesser of each resource that is watched.
func least(a, b corev1.ResourceList) corev1.ResourceList {
	out := make(corev1.ResourceList, len(watched))
	for _, name := range watched {
		out[name] = a[name]
		if other := b[name]; other.Cmp(a[name]) < 0 {
			out[name] = other
		}
	}
	return out
}

// draw puts an observation into the picture of a node. Those of one type say what all nodes of it have; of several types,
// one that was not seen may have less.
func (o observation) draw(n *corev1.Node, mixed bool) {
	capacity, allocatable := o.capacity, o.allocatable
	if mixed {
		capacity, allocatable = least(capacity, n.Status.Capacity), least(allocatable, n.Status.Allocatable)
	}
	for _, name := range watched {
		n.Status.Capacity[name], n.Status.Allocatable[name] = capacity[name], allocatable[name]
	}
}
