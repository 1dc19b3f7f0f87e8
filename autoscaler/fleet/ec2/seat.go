// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"sync"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

// seats gives the instances of a launch their numbers. EC2 tags all of a launch alike and shows them in any order, some
// later than others, so an instance has the lowest number that was free when it was first seen, and keeps it. A Fleet made
// anew may number otherwise, as nobody then remembers the old numbers either.
type seats struct {
	mu       sync.Mutex // guards launches
	launches map[string]map[string]int
}

func newSeats() *seats { return &seats{launches: map[string]map[string]int{}} }

// token is the instance's token.
func (s *seats) token(launch, id string) string {
	if launch == "" {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.launches[launch]
	if taken == nil {
		taken = map[string]int{}
		s.launches[launch] = taken
	}
	seat, ok := taken[id]
	if !ok {
		seat = len(taken) // none is ever given back, so that is the lowest
		taken[id] = seat
	}
	return fleet.InstanceToken(launch, seat)
}

// retain forgets the launches of which nothing is left.
func (s *seats) retain(launches map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for launch := range s.launches {
		if !launches[launch] {
			delete(s.launches, launch)
		}
	}
}
