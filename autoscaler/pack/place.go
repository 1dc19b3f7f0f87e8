// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"cmp"
	"slices"
)

// placeLoose puts as many pods of a demand as possible on the nodes there are, shared ones too if so wanted.
func (s *solver) placeLoose(d int, shared bool) {
	for _, c := range s.candidates(d) {
		s.fill(d, c.part, shared)
	}
}

// buyLoose buys nodes for what is left of the demands that need not be whole, budget by budget: the best packing of all that
// is left, then of what that leaves, until nothing more can be helped.
func (s *solver) buyLoose() {
	var loose []int
	for d := range s.p.Demands {
		if !s.p.Demands[d].Whole {
			loose = append(loose, d)
		}
	}
	for budget := range s.budgets {
		for {
			p, ok := s.bestLoose(loose, budget)
			if !ok {
				break
			}
			s.buy(p, false)
		}
	}
}

// placeWhole places a demand wholly, on nodes there are and on new ones, or leaves everything as it was. A gang that has to
// wait for nodes counts on gaps beside others only if it cannot start without: they may be gone by then, and if the others'
// nodes come before its own, either the others wait for the gang or it loses its place.
func (s *solver) placeWhole(d int) {
	before := s.mark()
	if s.placeLoose(d, true); !s.lacks(d) {
		return
	}
	s.rewind(before)
	if s.placeLoose(d, false); s.buyWhole(d) {
		return
	}
	s.rewind(before)
	if s.placeLoose(d, true); s.buyWhole(d) {
		return
	}
	s.rewind(before)
	s.release(d)
}

func (s *solver) lacks(d int) bool {
	return slices.ContainsFunc(s.left[d], func(n int) bool { return n > 0 })
}

// buyWhole buys what a demand lacks: nodes of one offer if one can hold it all, else of one offer for each part.
func (s *solver) buyWhole(d int) bool {
	cands := s.candidates(d)
	if len(cands) == 0 {
		return true
	}
	if p, ok := s.best(cands, -1, true); ok {
		s.purchase([]packing{p}, s.isUnsure(d))
		return true
	}
	var all []packing
	before := s.mark()
	for _, c := range cands {
		p, ok := s.best([]candidate{c}, -1, true)
		if !ok {
			return false
		}
		s.buy(p, true)
		all = append(all, p)
	}
	s.rewind(before)
	s.purchase(all, s.isUnsure(d))
	return true
}

// purchase buys for one demand. Of several packings only the one that is likeliest to fail is bought now, and none while
// an earlier one is not sure to come: what was bought for a demand that then falls short stands idle.
func (s *solver) purchase(all []packing, wait bool) {
	slices.SortStableFunc(all, func(a, b packing) int {
		return cmp.Or(cmp.Compare(s.p.Offers[b.offer].Failed, s.p.Offers[a.offer].Failed), cmp.Compare(b.nodes, a.nodes))
	})
	for n, p := range all {
		first := len(s.bins)
		s.buy(p, true)
		if wait || n > 0 {
			s.purchases[len(s.purchases)-1].Later = true
			for b := range s.bins[first:] {
				s.bins[first+b].Coming = false
			}
		}
	}
}

// isUnsure reports whether a demand has a place on nodes that may not come.
func (s *solver) isUnsure(d int) bool {
	unsure := func(c change) bool { return c.demand == d && s.bins[c.bin].Unsure }
	return slices.ContainsFunc(s.held, unsure) || slices.ContainsFunc(s.journal, unsure)
}

// mark is a point to come back to.
type mark struct {
	journal, bins, purchases int
	budgets                  []Budget
}

func (s *solver) mark() mark {
	return mark{len(s.journal), len(s.bins), len(s.purchases), slices.Clone(s.budgets)}
}

func (s *solver) rewind(m mark) {
	s.bins = s.bins[:m.bins]
	s.purchases = s.purchases[:m.purchases]
	for _, c := range slices.Backward(s.journal[m.journal:]) {
		s.undo(c)
	}
	s.journal = s.journal[:m.journal]
	s.budgets = slices.Clone(m.budgets) // m may be come back to once more
}

// leftovers are the parts without a place, each with its reason.
func (s *solver) leftovers() []Leftover {
	var out []Leftover
	for d := range s.left {
		for i, count := range s.left[d] {
			if count > 0 {
				out = append(out, Leftover{Demand: d, Part: i, Count: count, Why: s.why(d, i)})
			}
		}
	}
	return out
}

func (s *solver) why(d, i int) Why {
	part := s.part(d, i)
	reason := NoType
	for o := range s.p.Offers {
		offer := &s.p.Offers[o]
		switch {
		case !s.canHold(part, offer):
		case s.isTooWide(d, part, offer.Budget):
			reason = max(reason, TooWide)
		case offer.Closed:
			reason = max(reason, Closed)
		default:
			reason = max(reason, NoRoom)
		}
	}
	return reason
}

// width is the CPU of all of a demand.
func (s *solver) width(d int) int64 {
	var total int64
	for i, left := range s.left[d] {
		total += s.part(d, i).Request.CPUMillis * int64(left)
	}
	return total
}
