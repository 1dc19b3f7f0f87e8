// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
)

const (
	// firstShortage is how long a pool that had nothing to give is backed off, and doubles each time that it still has not.
	firstShortage = 5 * time.Second
	longShortage  = 5 * time.Minute
	// reclaimed is how long a pool is backed off that EC2 takes instances back from.
	reclaimed = 3 * time.Minute
)

// pool is where EC2 takes an instance from: what one zone has of a type, On-Demand or Spot.
type pool struct {
	instanceType, zone, capacityType string
}

// shortages remembers which pools were empty, so that no pool is asked again before its time.
type shortages struct {
	clock clock.PassiveClock

	mu    sync.Mutex // guards known
	known map[pool]shortage
}

// shortage is a pool's back-off. It is kept when it is over, to be a longer one if the pool is still empty then.
type shortage struct {
	until time.Time
	lasts time.Duration
	why   *fleet.RefusedError
}

// backedOffError says that EC2 is not asked, as what it said last of each pool still holds.
type backedOffError struct {
	why *fleet.RefusedError
}

func (e *backedOffError) Error() string { return e.why.Error() }

func newShortages(c clock.PassiveClock) *shortages {
	return &shortages{clock: c, known: map[pool]shortage{}}
}

// note backs a pool off that was empty.
func (s *shortages) note(p pool, why *fleet.RefusedError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	last, again := s.known[p]
	if again && now.Before(last.until) {
		return // asked at the same time as the call that told of it first
	}
	lasts := firstShortage
	if again && now.Sub(last.until) < longShortage {
		lasts = min(2*last.lasts, longShortage)
	}
	s.known[p] = shortage{until: now.Add(lasts), lasts: lasts, why: why}
}

// clear says that a pool had something to give.
func (s *shortages) clear(p pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clock.Now().After(s.known[p].until) { // an answer from before the shortage says nothing
		delete(s.known, p)
	}
}

// open are the zones whose pool of the type is not backed off.
func (s *shortages) open(all []subnet, instanceType, capacityType string) []subnet {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	var out []subnet
	for _, n := range all {
		if !now.Before(s.known[pool{instanceType, n.zone, capacityType}].until) {
			out = append(out, n)
		}
	}
	return out
}

// reason is what EC2 said of the first pool that is backed off.
func (s *shortages) reason(all []subnet, types []instancetype.Type, capacityType string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range types {
		for _, n := range all {
			if known := s.known[pool{types[i].Name, n.zone, capacityType}]; known.why != nil {
				return &backedOffError{known.why}
			}
		}
	}
	return fmt.Errorf("create fleet: no pool of %s", instancetype.Names(types))
}

// Avoid backs off the pool of an instance that EC2 takes back, or may soon. The node's provider id tells its zone.
func (f *Fleet) Avoid(instanceType, nodeProviderID, capacityType string) {
	p := pool{instanceType, zoneOfProviderID(nodeProviderID), capacityType}
	s := f.shortages
	s.mu.Lock()
	defer s.mu.Unlock()
	if until := s.clock.Now().Add(reclaimed); until.After(s.known[p].until) {
		s.known[p] = shortage{until: until, lasts: reclaimed, why: &fleet.RefusedError{
			Class: fleet.NoCapacity, Code: codeUnfulfillable, Message: "EC2 takes back " + capacityType + " instances of " + instanceType + " in " + p.zone,
		}}
	}
}
