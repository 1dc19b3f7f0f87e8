// SPDX-License-Identifier: Apache-2.0

package pack

// soleBudget is the Sole budget that pods on a bin count against; nil if there is none.
func (s *solver) soleBudget(b int) *Budget {
	i := s.bins[b].Budget
	if i < 0 || i >= len(s.budgets) || !s.budgets[i].Sole {
		return nil
	}
	return &s.budgets[i]
}

// soleCost is what one pod of the part counts against a Sole budget.
func soleCost(p *Part) int { return max(int(p.Request.CPUMillis), LeastSole) }

// soleRoom is how many pods of the candidates, a node each, a Sole budget has room for. Parts are bought for one by one, so
// that each gets the nodes that suit it best.
func soleRoom(b *Budget, cands []candidate) int {
	if len(cands) != 1 {
		return 0
	}
	return max(b.Max-b.Used, 0) / soleCost(cands[0].Part)
}

// charge adds count pods of the part to what the bin's budget has in use, if that is a Sole one.
func (s *solver) charge(b int, p *Part, count int) {
	if budget := s.soleBudget(b); budget != nil {
		budget.Used += count * soleCost(p)
	}
}

// bestLoose is the next packing to buy of what is left of some demands.
func (s *solver) bestLoose(demands []int, budget int) (packing, bool) {
	cands := s.candidates(demands...)
	if !s.budgets[budget].Sole {
		return s.best(cands, budget, false)
	}
	for i := range cands {
		if p, ok := s.best(cands[i:i+1], budget, false); ok {
			return p, true
		}
	}
	return packing{}, false
}

// isTooWide reports whether the environment may never have what the part, or its demand if that is whole, asks for.
func (s *solver) isTooWide(d int, part *Part, budget int) bool {
	b := &s.budgets[budget]
	if b.Sole && soleCost(part) > b.Max {
		return true
	}
	most := int64(b.Max)
	if !b.Sole {
		most *= 1000
	}
	return s.p.Demands[d].Whole && s.width(d) > most && !s.needsStretch(part)
}
