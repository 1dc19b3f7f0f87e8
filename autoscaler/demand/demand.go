// SPDX-License-Identifier: Apache-2.0

package demand

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/pack"
)

// Demand is pending pods that want places: together and wholly if they are a gang, else each for itself.
type Demand struct {
	Gang  string // as batchmeta.GangName says; empty for pods that are in none
	Whole bool
	// Topology is the node label under one value of which the members must be; empty if they may be anywhere.
	Topology string
	Parts    []Part
}

// Part is pods of a demand with one shape.
type Part struct {
	pack.Part
	Shape        string      // pods of one shape are alike to placement; the Key names the gang as well
	Environments []string    // UUIDs of the environments whose nodes the pods ask for
	Exemplar     *corev1.Pod // one of them, read-only
}
