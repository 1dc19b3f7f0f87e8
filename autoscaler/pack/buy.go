// SPDX-License-Identifier: Apache-2.0

package pack

// room is how many nodes of an offer may be bought for candidates. stretch tells that the one node is beyond the budget.
func (s *solver) room(o *Offer, cands []candidate) (nodes int, stretch bool) {
	b := &s.budgets[o.Budget]
	switch {
	case o.Closed || o.VCPUs <= 0 || b.Used >= b.Max:
		return 0, false
	case b.Sole:
		return soleRoom(b, cands), false
	case o.VCPUs <= b.Max:
		return (b.Max - b.Used) / o.VCPUs, false
	case b.Stretch:
		return 1, true
	default:
		return 0, false
	}
}

// needsStretch reports whether no instance within its environment's budget could ever hold the part.
func (s *solver) needsStretch(p *Part) bool {
	for i := range s.p.Offers {
		o := &s.p.Offers[i]
		if o.VCPUs <= s.budgets[o.Budget].Max && s.canHold(p, o) {
			return false
		}
	}
	return true
}

// try packs those candidates that a new node of the offer could hold.
func (s *solver) try(o int, cands []candidate) (packing, bool) {
	offer := &s.p.Offers[o]
	limit, stretch := s.room(offer, cands)
	if limit == 0 {
		return packing{}, false
	}
	var able []candidate
	for _, c := range cands {
		if s.canHold(c.Part, offer) && (!stretch || s.needsStretch(c.Part)) {
			able = append(able, c)
		}
	}
	if len(able) == 0 {
		return packing{}, false
	}
	p := s.packFresh(o, able, limit)
	p.whole = p.whole && len(able) == len(cands)
	return p, p.nodes > 0
}

// best tries the candidates on every offer of a budget (or of all, if budget is negative) and returns the packing with the
// lowest score; with whole, only among those that leave nothing out.
func (s *solver) best(cands []candidate, budget int, whole bool) (packing, bool) {
	var best packing
	found, lowest := false, 0.0
	for o := range s.p.Offers {
		if budget >= 0 && s.p.Offers[o].Budget != budget {
			continue
		}
		p, ok := s.try(o, cands)
		if !ok || whole && (!p.whole || !s.comesTogether(&p)) {
			continue
		}
		if score := s.p.Score(o, p.nodes, p.helped); !found || score < lowest {
			best, found, lowest = p, true, score
		}
	}
	return best, found
}

// buy commits a packing: its nodes become bins that later demands may fill.
func (s *solver) buy(p packing, whole bool) {
	o := &s.p.Offers[p.offer]
	if b := &s.budgets[o.Budget]; !b.Sole {
		b.Used += p.nodes * o.VCPUs
	}
	purchase := Purchase{Offer: p.offer, Nodes: p.nodes, Whole: whole}
	if whole {
		purchase.Topology = s.p.Demands[p.parts[0].demand].Topology
	}
	for _, r := range p.rows {
		for _, c := range r.contents {
			purchase.Contents = appendContent(purchase.Contents, p.parts[c.candidate].Key, c.count*r.nodes)
		}
		for range r.nodes {
			s.occupy(o, r, p.parts)
		}
	}
	s.purchases = append(s.purchases, purchase)
}

// occupy adds one bought node and its pods.
func (s *solver) occupy(o *Offer, r row, parts []candidate) {
	s.bins = append(s.bins, bin{Bin: Bin{Class: o.Class, Group: o.Group, Free: o.Fresh, Coming: true, Budget: o.Budget}, alone: r.alone, bought: len(s.purchases) + 1})
	for _, c := range r.contents {
		s.apply(change{bin: len(s.bins) - 1, demand: parts[c.candidate].demand, part: parts[c.candidate].part, count: c.count})
	}
}
