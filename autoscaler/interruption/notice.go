// SPDX-License-Identifier: Apache-2.0

package interruption

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Kind is what was announced: the value of the taint batchmeta.Interruption.
type Kind string

// The kinds.
const (
	Spot            Kind = batchmeta.InterruptionSpot
	Rebalance       Kind = batchmeta.InterruptionRebalance
	StateChange     Kind = batchmeta.InterruptionStateChange
	ScheduledChange Kind = batchmeta.InterruptionScheduledChange
	Maintenance     Kind = batchmeta.InterruptionMaintenance
	// Unknown is the kind of messages that nothing is done about.
	Unknown Kind = "unknown"
)

// Notice is what was announced of one instance.
type Notice struct {
	Kind       Kind
	InstanceID string
	// Gone says that a StateChange is over: the instance does not run any more.
	Gone bool
	// Stopped says that the instance is Gone but still exists, and would run again if it were started.
	Stopped bool
	// At is when it was announced.
	At time.Time
	// Deadline is when the instance ends; zero if nobody said.
	Deadline time.Time
}

// effect is what becomes of the pods of the notice's instance.
func (n *Notice) effect() corev1.TaintEffect {
	switch n.Kind {
	case Spot, StateChange:
		return corev1.TaintEffectNoExecute
	case Rebalance, ScheduledChange, Maintenance, Unknown:
	}
	return corev1.TaintEffectNoSchedule
}

// Message is what a queue delivers: notices of one kind.
type Message struct {
	Receipt string // by which it is deleted
	Kind    Kind
	Notices []Notice // none if the kind is Unknown
}
