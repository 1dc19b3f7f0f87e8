// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// shortageLasts is how long a pool that had nothing to give is passed over.
const shortageLasts = 3 * time.Minute

// pool is where EC2 takes an instance from: what one zone has of a type, On-Demand or Spot.
type pool struct {
	instanceType, zone, capacityType string
}

// shortages remembers which pools were empty, so that one zone's stock-out does not cost every launch a refusal.
type shortages struct {
	clock clock.PassiveClock

	mu    sync.Mutex // guards until
	until map[pool]time.Time
}

func newShortages(c clock.PassiveClock) *shortages {
	return &shortages{clock: c, until: map[pool]time.Time{}}
}

func (s *shortages) note(p pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until[p] = s.clock.Now().Add(shortageLasts)
}

// keep leaves out the subnets whose pools are short. If all are, the caller is to try them all: whether a type is worth
// asking for is decided elsewhere.
func (s *shortages) keep(all []subnet, instanceType, capacityType string) []subnet {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	var out []subnet
	for _, n := range all {
		p := pool{instanceType, n.zone, capacityType}
		if until, short := s.until[p]; short && now.Before(until) {
			continue
		}
		delete(s.until, p)
		out = append(out, n)
	}
	if len(out) == 0 {
		return all
	}
	return out
}
