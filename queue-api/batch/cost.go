// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"math"
	"time"
)

// Host is the machine that a pod has, as far as it decides what the pod costs. It is noted when the pod is bound: afterwards
// nobody could tell.
type Host struct {
	InstanceType string `json:"t,omitempty"`
	CapacityType string `json:"c,omitempty"` // ON_DEMAND or SPOT; empty if it is not known
	// PricePerHour is the machine's, in the currency of the fleet's prices: US dollars, in China yuan. 0 is unknown.
	PricePerHour float64 `json:"p,omitempty"`
	// Share is the pod's part of the machine, above 0 to 1, as ShareOf gives it; 0 is unknown.
	Share   float64   `json:"s,omitempty"`
	BoundAt time.Time `json:"b,omitzero"`
}

// ShareOf is a pod's part of its machine: the largest of its parts of vCPUs, memory and GPUs, because nobody else can use what
// is left once one of them is taken. It is above 0 to 1, in millionths; 0 if it is not known what the machine has.
func ShareOf(pod, machine Requests) float64 {
	if machine.MilliVCPU <= 0 || machine.MemoryMiB <= 0 {
		return 0
	}
	share := 0.0
	for _, r := range [...]struct{ asked, has int64 }{
		{pod.MilliVCPU, machine.MilliVCPU}, {pod.MemoryMiB, machine.MemoryMiB}, {pod.GPU, machine.GPU},
	} {
		if r.asked > 0 { // of what a machine has none, all
			share = max(share, float64(r.asked)/float64(max(r.has, 1)))
		}
	}
	const parts = 1e6
	return min(math.Ceil(share*parts)/parts, 1)
}

// Cost is what attempts cost together.
type Cost struct {
	// Nano are billionths of the currency of the fleet's prices: a sum of them is exact.
	Nano     int64 `json:"n,omitempty"`
	Attempts int64 `json:"a,omitempty"`
	// Unknown is of how many of the attempts the cost is not known, or not wholly. Nano is then less than what they cost.
	Unknown int64 `json:"u,omitempty"`
}

// MaxAttemptNano bounds what one attempt costs, so that sums of many stay numbers. No machine costs a million.
const MaxAttemptNano = 1e15

const nano = 1e9

// Plus is the sum of two costs.
func (c Cost) Plus(other Cost) Cost {
	return Cost{Nano: c.Nano + other.Nano, Attempts: c.Attempts + other.Attempts, Unknown: c.Unknown + other.Unknown}
}

// Dollars is what is known of the cost; nil if nothing is.
func (c Cost) Dollars() *float64 {
	if c.Nano == 0 && c.Unknown > 0 {
		return nil
	}
	return new(float64(c.Nano) / nano)
}

// stay is what a pod on a machine costs.
type stay struct {
	node     string // empty for a pod that had none
	host     *Host
	from, to time.Time
}

// nano is what a stay costs; ok is false if that is not known. A pod that had no machine costs nothing.
func (s stay) nano(now time.Time) (n int64, ok bool) {
	if s.node == "" {
		return 0, true
	}
	if s.host == nil || s.host.PricePerHour <= 0 || s.host.Share <= 0 {
		return 0, false
	}
	from, to := s.host.BoundAt, s.to
	if from.IsZero() {
		from = s.from
	}
	if to.IsZero() {
		to = now
	}
	if from.IsZero() {
		return 0, false
	}
	amount := s.host.PricePerHour * s.host.Share * max(to.Sub(from), 0).Hours() * nano
	return int64(math.Round(min(amount, MaxAttemptNano))), true
}

// Cost is what the attempt costs: of each machine that a pod of it has or had, from the pod's binding to its end, or to now, the
// pod's share of the price.
func (a *Attempt) Cost(now time.Time) Cost {
	c := Cost{Attempts: 1}
	add := func(s stay) {
		n, ok := s.nano(now)
		if !ok {
			c.Unknown = 1
		}
		c.Nano = min(c.Nano+n, MaxAttemptNano)
	}
	if len(a.Nodes) == 0 {
		add(stay{a.NodeName, a.Host, a.StartedAt, a.StoppedAt})
		return c
	}
	for i := range a.Nodes {
		n := &a.Nodes[i]
		add(stay{n.NodeName, n.Host, n.StartedAt, n.StoppedAt})
		if n.Past.Unknown > 0 {
			c.Unknown = 1
		}
		c.Nano = min(c.Nano+n.Past.Nano, MaxAttemptNano)
	}
	return c
}

// Cost is what the node's pods cost until now, those that were lost before it too. Attempts are pods here.
func (n *NodeAttempt) Cost(now time.Time) Cost {
	amount, ok := stay{n.NodeName, n.Host, n.StartedAt, n.StoppedAt}.nano(now)
	c := Cost{Nano: amount}
	if n.NodeName != "" {
		c.Attempts = 1
	}
	if !ok {
		c.Unknown = 1
	}
	return n.Past.Plus(c)
}

// Cost is what the job's attempts cost until now. Of an array it is what its children's attempts cost that ended.
func (j *Job) Cost(now time.Time) Cost {
	if j.IsArray() {
		return j.Spent
	}
	var c Cost
	for i := range j.Attempts {
		c = c.Plus(j.Attempts[i].Cost(now))
	}
	if j.Current != nil {
		c = c.Plus(j.Current.Cost(now))
	}
	return c
}

// EndedCost is what the attempts cost that ended between two states of a job.
func EndedCost(old, next *Job) (c Cost) {
	for i := len(old.Attempts); i < len(next.Attempts); i++ {
		c = c.Plus(next.Attempts[i].Cost(next.Attempts[i].StoppedAt))
	}
	return c
}
