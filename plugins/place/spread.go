// SPDX-License-Identifier: Apache-2.0

package place

import "slices"

// seat gives places in a domain to as many members of a group as it has room for.
func (s *solver) seat(g int, d int32) {
	n := min(s.missing[g], s.domains[d].room)
	if n == 0 {
		return
	}
	before := len(s.takes)
	for at := d; at != root; at = s.domains[at].parent {
		s.domains[at].used = true
	}
	s.spread(g, d, n)
	s.missing[g] -= n
	for _, t := range s.takes[before:] {
		s.charge(t, 1)
	}
}

// charge takes room off a node, or gives it back.
func (s *solver) charge(t Take, sign int64) {
	if s.free == nil {
		return
	}
	free := s.free[t.Node]
	for r, size := range s.p.Groups[t.Group].Size {
		free[r] -= sign * size * int64(t.Count)
	}
}

// spread seats n members in a domain that has room for them.
func (s *solver) spread(g int, d int32, n int) {
	dom := &s.domains[d]
	dom.used = true
	for node := dom.first; node != none && n > 0; node = s.next[node] {
		if count := min(n, s.room[node]); count > 0 {
			s.takes = append(s.takes, Take{Group: g, Node: int(node), Count: count})
			n -= count
		}
	}
	if n > 0 && len(dom.kids) > 0 {
		var shares []share
		s.split(d, n, &shares)
		for _, sh := range shares {
			s.spread(g, sh.kid, sh.count)
		}
	}
}

// share is what one kid of a domain gets.
type share struct {
	kid   int32
	count int
}

// split divides n members among the kids of d, which have room for them, and returns the price. The kids in use come
// first, then the largest, but as soon as one kid can take the rest, the one does where that costs least.
func (s *solver) split(d int32, n int, shares *[]share) price {
	var cost price
	give := func(kid int32, count int) {
		if shares != nil {
			*shares = append(*shares, share{kid, count})
		}
		n -= count
	}
	used, rest := s.kids(d)
	for i, kid := range used {
		if last := s.pick(used[i:], n); last != none {
			s.stay(&cost, last, n)
			give(last, n)
			return cost
		}
		s.stay(&cost, kid, s.domains[kid].room)
		give(kid, s.domains[kid].room)
	}
	last := s.pick(rest, n)
	if last == none {
		_, rest = s.kids(s.sort(d))
		whole, partly := s.cut(rest, n)
		for _, kid := range whole {
			s.add(&cost, kid, s.domains[kid].room)
			give(kid, s.domains[kid].room)
		}
		last = partly
	}
	s.add(&cost, last, n)
	give(last, n)
	return cost
}

// cut returns which kids to fill, the fewest that can be, and which one is to take the rest of n members. They are sorted,
// and none holds all n.
func (s *solver) cut(kids []int32, n int) (whole []int32, last int32) {
	m, rest := 0, n // the m largest are filled, then one of the others holds the rest
	for s.domains[kids[m]].room < rest {
		rest -= s.domains[kids[m]].room
		m++
	}
	var filled price
	for _, kid := range kids[:m] {
		whole := s.allOf(kid)
		filled.span.add(&whole)
	}
	last, least := none, price{}
	for i, kid := range kids {
		left, cost := rest, filled
		if i < m { // then the next in size is filled in its stead
			left += s.domains[kid].room - s.domains[kids[m]].room
			mine, next := s.allOf(kid), s.allOf(kids[m])
			cost.span.subtract(&mine)
			cost.span.add(&next)
		}
		if left > s.domains[kid].room {
			continue
		}
		s.add(&cost, kid, left)
		if c := cost.compare(&least); last == none || c < 0 || (c == 0 && s.domains[kid].room < s.domains[last].room) {
			last, least = kid, cost
		}
	}
	for _, kid := range kids[:m+1] {
		if kid != last && len(whole) < m {
			whole = append(whole, kid)
		}
	}
	return whole, last
}

// kids returns the kids of d where a member of the gang is, as far as they have room, and the others.
func (s *solver) kids(d int32) (used, rest []int32) {
	rest = s.domains[d].kids
	for _, kid := range rest {
		if dom := &s.domains[kid]; dom.used && dom.room > 0 {
			used = append(used, kid)
		}
	}
	if len(used) > 0 {
		rest = slices.DeleteFunc(slices.Clone(rest), func(kid int32) bool { return s.domains[kid].used })
	}
	return used, rest
}

// allOf is what it costs to fill d, where there is no member yet.
func (s *solver) allOf(d int32) span {
	all := s.domains[d].whole
	all.step(s.domains[d].level)
	return all
}

// stay adds to cost what it costs to seat n members in d, where the gang is already.
func (s *solver) stay(cost *price, d int32, n int) {
	more := s.cost(d, n)
	cost.span.add(&more.span)
	cost.slack = more.slack
}

// add adds to cost what it costs to seat n members in d, where there is none yet.
func (s *solver) add(cost *price, d int32, n int) {
	s.stay(cost, d, n)
	cost.span.step(s.domains[d].level)
}

// cost is what it costs within d to seat n members there.
func (s *solver) cost(d int32, n int) price {
	dom := &s.domains[d]
	switch {
	case n == dom.room:
		return price{span: dom.whole}
	case len(dom.kids) == 0:
		return price{slack: dom.room - n}
	}
	return s.split(d, n, nil)
}

// pick returns the domain, of some, where n members cost least; the tightest of equals. None if no one holds them.
func (s *solver) pick(some []int32, n int) int32 {
	best, least := none, price{}
	for _, d := range some {
		best, least = s.better(d, n, best, least)
	}
	return best
}

// better returns d if n members cost less there than in best, else best, and that cost.
func (s *solver) better(d int32, n int, best int32, least price) (int32, price) {
	dom := &s.domains[d]
	if dom.room < n {
		return best, least
	}
	cost := s.cost(d, n)
	if best == none {
		return d, cost
	}
	switch c := cost.compare(&least); {
	case c < 0, c == 0 && (dom.room < s.domains[best].room || (dom.room == s.domains[best].room && d < best)):
		return d, cost
	}
	return best, least
}

// largest returns the domain, of some, that has room for most members.
func (s *solver) largest(some []int32) int32 {
	best := none
	for _, d := range some {
		if s.domains[d].room > 0 && (best == none || s.domains[d].room > s.domains[best].room) {
			best = d
		}
	}
	return best
}
