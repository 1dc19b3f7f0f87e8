// SPDX-License-Identifier: Apache-2.0

package pack

import "slices"

// placeLoose puts as many pods of a demand as possible on the nodes there are.
func (s *solver) placeLoose(d int) {
	for _, c := range s.candidates(d) {
		s.fill(d, c.part)
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
			p, ok := s.best(s.candidates(loose...), budget, false)
			if !ok {
				break
			}
			s.buy(p, false)
		}
	}
}

// placeWhole places a demand wholly, on nodes there are and on new ones, or leaves everything as it was.
func (s *solver) placeWhole(d int) {
	before := s.mark()
	s.placeLoose(d)
	if s.buyWhole(d) {
		return
	}
	s.rewind(before)
	s.release(d)
}

// buyWhole buys what a demand lacks: nodes of one offer if one can hold it all, else of one offer for each part.
func (s *solver) buyWhole(d int) bool {
	cands := s.candidates(d)
	if len(cands) == 0 {
		return true
	}
	if p, ok := s.best(cands, -1, true); ok {
		s.buy(p, true)
		return true
	}
	for _, c := range cands {
		p, ok := s.best([]candidate{c}, -1, true)
		if !ok {
			return false
		}
		s.buy(p, true)
	}
	return true
}

// mark is a point to come back to.
type mark struct {
	journal, bins, purchases, bought int
	budgets                          []Budget
}

func (s *solver) mark() mark {
	return mark{len(s.journal), len(s.bins), len(s.purchases), len(s.bought), slices.Clone(s.budgets)}
}

func (s *solver) rewind(m mark) {
	s.bins = s.bins[:m.bins]
	s.purchases = s.purchases[:m.purchases]
	s.bought = s.bought[:m.bought]
	s.budgets = m.budgets
	for _, c := range slices.Backward(s.journal[m.journal:]) {
		s.undo(c)
	}
	s.journal = s.journal[:m.journal]
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
		case s.p.Demands[d].Whole && s.width(d) > int64(s.budgets[offer.Budget].Max)*1000 && !s.needsStretch(part):
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
