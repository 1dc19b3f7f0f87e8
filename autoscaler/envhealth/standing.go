// SPDX-License-Identifier: Apache-2.0

package envhealth

import (
	"time"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batch"
)

// fault is what makes an environment INVALID.
type fault string

const (
	none     fault = ""
	refusals fault = "refusals" // the fleet refuses launches
	joins    fault = "joins"    // no instance joins the cluster
	names    fault = "names"    // nobody knows its instance types
)

// standing is what is known of one environment. Guarded by Tracker.mu.
type standing struct {
	verdict Verdict
	spec    *spec // as it was judged last; nil before the first time
	fault   fault
	trial   bool      // Invariant: only with a fault, and VALID.
	retryAt time.Time // when a trial begins
	tries   int       // times that it was INVALID without a node since
	good    time.Time // the last launch or node; zero after a fault
	bad     time.Time // the first refusal since good
	joined  time.Time // the last node
	died    int       // instances that ended before they joined, since the last node
}

// heal makes the environment VALID.
func (s *standing) heal(now time.Time) {
	s.fault, s.trial, s.bad = none, false, time.Time{}
	s.verdict = Verdict{Status: batch.ResourceValid, Reason: ReasonHealthy, At: now}
}

// spec is what of an environment can be wrong. A fault of another spec counts no more.
type spec struct {
	State         batch.State
	Strategy      string
	CapacityType  string
	InstanceTypes []string
	Resources     fleet.Resources
	Generation    int
}

func specOf(e *computeenv.Environment) *spec {
	return &spec{e.State, e.Strategy, e.CapacityType, e.InstanceTypes, e.Resources, e.Generation}
}
