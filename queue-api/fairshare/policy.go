// SPDX-License-Identifier: Apache-2.0

package fairshare

import (
	"math"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// minWindow is the shortest decay window. AWS Batch: shareDecaySeconds 0 means the minimum of 600 s.
const minWindow = 600 * time.Second

// Policy is a scheduling policy made ready for use.
type Policy struct {
	// Window is for how long use and activity of a share count.
	Window time.Duration
	// Reservation is the part of the vCPUs, in percent, that is kept for shares that are not active. AWS Batch: 0 to 99.
	Reservation int
	exact       map[string]float64
	prefixes    map[string]float64 // without the asterisk
}

// NewPolicy reads a policy; nil has the defaults.
func NewPolicy(p *batch.FairSharePolicy) Policy {
	policy := Policy{Window: minWindow, exact: map[string]float64{}, prefixes: map[string]float64{}}
	if p == nil {
		return policy
	}
	if p.ShareDecaySeconds != nil {
		policy.Window = max(minWindow, time.Duration(*p.ShareDecaySeconds)*time.Second)
	}
	if p.ComputeReservation != nil {
		policy.Reservation = *p.ComputeReservation
	}
	for _, w := range p.ShareDistribution {
		factor := 1.0
		if w.WeightFactor != nil {
			factor = *w.WeightFactor
		}
		if prefix, ok := strings.CutSuffix(w.ShareIdentifier, "*"); ok {
			policy.prefixes[prefix] = factor
		} else {
			policy.exact[w.ShareIdentifier] = factor
		}
	}
	return policy
}

// Tau is the time in which use fades to a third.
func (p Policy) Tau() time.Duration { return p.Window / 2 }

// Weight is a share's weight factor: lower gets more. AWS Batch: a share that is not listed has 1; an entry that ends in an
// asterisk is for every share that begins with what stands before it. Of several entries the longest counts.
//
// AWS's texts differ on whether such a factor is each share's or is shared out among those that match. Here it is each
// share's, as the API reference has it: who has a share knows its weight without knowing who else has one.
func (p Policy) Weight(share string) float64 {
	if w, ok := p.exact[share]; ok {
		return w
	}
	for n := len(share); n >= 0; n-- {
		if w, ok := p.prefixes[share[:n]]; ok {
			return w
		}
	}
	return 1
}

// Usable is the budget of a whole fair-share queue: what its environments have in all less the compute reservation, less
// what its shares hold already. AWS Batch: the part (reservation/100)^n is reserved, n being the active shares, at least 1;
// an unmanaged environment without a limit reserves nothing. It is nil when there is no limit.
func (p Policy) Usable(budgets []*Budget, running map[string]int64, activeShares int) *Budget {
	if p.Reservation == 0 {
		return nil
	}
	var total, held int64
	for _, b := range budgets {
		if b.Unlimited {
			return nil
		}
		total += b.MaxMilli
	}
	for _, milli := range running {
		held += milli
	}
	reserved := math.Pow(float64(p.Reservation)/100, float64(max(1, activeShares)))
	usable := int64(math.Floor(float64(total) * (1 - reserved)))
	return &Budget{Accepts: true, Milli: usable - held, MaxMilli: usable}
}
