// SPDX-License-Identifier: Apache-2.0

package pack

import "slices"

// solver is the state of one Solve.
type solver struct {
	p       *Problem
	bins    []bin // the Problem's, then the bought ones
	budgets []Budget
	left    [][]int // per demand and part: pods without a place

	purchases []Purchase
	held      []change // of holds, in force from before the first demand
	journal   []change // of demands, since
	fits      map[fitKey]bool
	scale     Vector // the machine that sizes are compared to
}

type bin struct {
	Bin
	used  Vector
	held  bool // a hold has chosen it
	alone bool // it took a pod that was Alone
	owner int  // 1 + the demand whose pods came first; 0 while there are none
	// bought is the place, from 1, of the purchase that it is of; 0 if it was there.
	bought int
}

// change is pods put on a bin.
type change struct {
	bin, demand, part, count int
}

type fitKey struct {
	part  string
	class int
}

func newSolver(p *Problem) *solver {
	s := &solver{
		p:       p,
		bins:    make([]bin, len(p.Bins), len(p.Bins)+64),
		budgets: slices.Clone(p.Budgets),
		left:    make([][]int, len(p.Demands)),
		fits:    map[fitKey]bool{},
		scale:   largest(p.Offers),
	}
	for i, b := range p.Bins {
		s.bins[i].Bin = b
	}
	for d := range p.Demands {
		s.left[d] = make([]int, len(p.Demands[d].Parts))
		for i, part := range p.Demands[d].Parts {
			s.left[d][i] = part.Count
		}
	}
	return s
}

func (s *solver) part(d, i int) *Part { return &s.p.Demands[d].Parts[i] }

// may is Problem.Fits, asked once for each part and class.
func (s *solver) may(p *Part, class int) bool {
	key := fitKey{p.Key, class}
	ok, known := s.fits[key]
	if !known {
		ok = s.p.Fits(p, class)
		s.fits[key] = ok
	}
	return ok
}

// canHold reports whether a new node of the offer could hold one pod of the part.
func (s *solver) canHold(p *Part, o *Offer) bool {
	return o.Fresh.Fits(p.Request) > 0 && s.may(p, o.Class)
}

// put places up to count pods of a part on a bin and says how many it took.
func (s *solver) put(b, d, i, count int) int {
	part, target := s.part(d, i), &s.bins[b]
	n := min(count, target.Free.Fits(part.Request))
	if budget := s.soleBudget(b); budget != nil {
		n = min(n, soleRoom(budget, []candidate{{Part: part}}))
	}
	if n == 0 || !s.accepts(b, part) {
		return 0
	}
	if part.Alone {
		n, target.alone = 1, true
	}
	s.apply(change{bin: b, demand: d, part: i, count: n})
	return n
}

func (s *solver) accepts(b int, part *Part) bool {
	if !part.Alone || b >= len(s.p.Bins) {
		return s.may(part, s.bins[b].Class) && (!part.Alone || !s.bins[b].alone)
	}
	return !s.bins[b].alone && s.p.FitsBin(part, b)
}

func (s *solver) apply(c change) {
	request := s.part(c.demand, c.part).Request
	s.charge(c.bin, s.part(c.demand, c.part), c.count)
	s.bins[c.bin].Free = s.bins[c.bin].Free.Plus(request, -c.count)
	if s.bins[c.bin].used.Pods == 0 {
		s.bins[c.bin].owner = 1 + c.demand
	}
	s.bins[c.bin].used = s.bins[c.bin].used.Plus(request, c.count)
	s.left[c.demand][c.part] -= c.count
	s.journal = append(s.journal, c)
}

func (s *solver) undo(c change) {
	if c.bin < len(s.bins) {
		part := s.part(c.demand, c.part)
		s.charge(c.bin, part, -c.count)
		s.bins[c.bin].Free = s.bins[c.bin].Free.Plus(part.Request, c.count)
		if s.bins[c.bin].used = s.bins[c.bin].used.Plus(part.Request, -c.count); s.bins[c.bin].used.Pods == 0 {
			s.bins[c.bin].owner = 0
		}
		s.bins[c.bin].alone = s.bins[c.bin].alone && !part.Alone
	}
	s.left[c.demand][c.part] += c.count
}

// fill puts what is left of a part on the nodes there are, first fit: on those that others have, or are to have, too, if shared.
func (s *solver) fill(d, i int, shared bool) {
	for b := 0; b < len(s.bins) && s.left[d][i] > 0; b++ {
		if shared || !s.bins[b].Shared && (s.bins[b].owner == 0 || s.bins[b].owner == 1+d) {
			s.put(b, d, i, s.left[d][i])
		}
	}
}

func (s *solver) solution() Solution {
	out := Solution{Purchases: s.purchases, Used: make([]Vector, len(s.p.Bins)), Left: s.leftovers(), Holds: s.promises()}
	for i := range out.Used {
		out.Used[i] = s.bins[i].used
	}
	return out
}
