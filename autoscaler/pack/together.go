// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"maps"
	"slices"
)

// placeTogether places a demand that must be under one value of a node label: on nodes that exist under one, or wholly on new
// nodes of one launch, or not at all.
func (s *solver) placeTogether(d int) {
	if len(s.promisedUnder(d)) > 1 {
		s.release(d) // it could never start there
	}
	if !s.lacks(d) {
		return // what was promised is enough
	}
	before := s.mark()
	for _, domain := range s.domains(d) {
		s.fillDomain(d, domain)
		if !s.lacks(d) {
			return
		}
		s.rewind(before)
	}
	if !s.buyTogether(d) {
		s.release(d)
	}
}

// buyTogether buys all nodes of a demand in one launch. A demand that has nodes already is not completed by others that may
// come anywhere.
func (s *solver) buyTogether(d int) bool {
	if s.isPromised(d) {
		return false
	}
	p, ok := s.best(s.candidates(d), -1, true)
	if ok {
		s.buy(p, true)
	}
	return ok
}

// domains are the values that a demand's label has on nodes, if it was promised some on those alone: as long as nobody knows what
// they will have, none.
func (s *solver) domains(d int) []string {
	seen := s.promisedUnder(d)
	if !s.isPromised(d) {
		for b := range s.p.Bins {
			s.note(seen, d, b)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// promisedUnder are the values that a demand's label has on the nodes that it was promised.
func (s *solver) promisedUnder(d int) map[string]bool {
	seen := map[string]bool{}
	for _, c := range s.held {
		if c.demand == d {
			s.note(seen, d, c.bin)
		}
	}
	return seen
}

// note adds the value that a demand's label has on a node, if it is known.
func (s *solver) note(seen map[string]bool, d, b int) {
	if v := s.p.Domain(s.p.Demands[d].Topology, b); v != "" {
		seen[v] = true
	}
}

// isPromised reports whether a demand was promised nodes.
func (s *solver) isPromised(d int) bool {
	return slices.ContainsFunc(s.held, func(c change) bool { return c.demand == d })
}

func (s *solver) fillDomain(d int, domain string) {
	for _, c := range s.candidates(d) {
		for b := range s.p.Bins {
			if s.left[d][c.part] > 0 && s.p.Domain(s.p.Demands[d].Topology, b) == domain {
				s.put(b, d, c.part, s.left[d][c.part])
			}
		}
	}
}

// comesTogether reports whether the packing's nodes will be under one value of the label that its demand needs, if any.
func (s *solver) comesTogether(p *packing) bool {
	topology := s.p.Demands[p.parts[0].demand].Topology
	return topology == "" || p.nodes == 1 || s.p.Together(topology, p.offer)
}
