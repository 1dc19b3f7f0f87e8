// SPDX-License-Identifier: Apache-2.0

package pack

// packing is new nodes of one offer, filled.
type packing struct {
	offer  int
	parts  []candidate
	nodes  int
	rows   []row
	helped Vector
	whole  bool // every pod of every part is in it
}

// row is new nodes that are filled alike.
type row struct {
	nodes    int
	free     Vector
	alone    bool
	contents []rowContent
}

type rowContent struct {
	candidate, count int
}

// with is n nodes of the row that took count more pods each.
func (r row) with(n, c, count int, cand *candidate) row {
	contents := make([]rowContent, len(r.contents), len(r.contents)+1)
	copy(contents, r.contents)
	return row{
		nodes:    n,
		free:     r.free.Plus(cand.Request, -count),
		alone:    r.alone || cand.Alone,
		contents: append(contents, rowContent{c, count}),
	}
}

// capacity is how many more pods of the candidate each node of the row takes.
func (r *row) capacity(cand *candidate) int {
	n := r.free.Fits(cand.Request)
	switch {
	case !cand.Alone:
		return n
	case r.alone:
		return 0
	default:
		return min(n, 1)
	}
}

// packFresh fills up to limit new nodes of an offer, first-fit-decreasing: candidates come largest first.
func (s *solver) packFresh(o int, cands []candidate, limit int) packing {
	p := packing{offer: o, parts: cands, whole: true}
	for c := range cands {
		left := p.fill(c, &cands[c])
		left = p.open(&s.p.Offers[o], c, &cands[c], left, limit)
		p.helped = p.helped.Plus(cands[c].Request, cands[c].left-left)
		p.whole = p.whole && left == 0
	}
	return p
}

// fill puts the candidate's pods on nodes that are open already and returns how many are left.
func (p *packing) fill(c int, cand *candidate) int {
	left := cand.left
	var next []row
	for _, r := range p.rows {
		k := r.capacity(cand)
		if k == 0 || left == 0 {
			next = append(next, r)
			continue
		}
		if full := min(left/k, r.nodes); full > 0 {
			next = append(next, r.with(full, c, k, cand))
			left -= full * k
			r.nodes -= full
		}
		if r.nodes > 0 && left > 0 {
			next = append(next, r.with(1, c, left, cand))
			left = 0
			r.nodes--
		}
		if r.nodes > 0 {
			next = append(next, r)
		}
	}
	p.rows = next
	return left
}

// open takes new nodes for the candidate's pods and returns how many are left.
func (p *packing) open(o *Offer, c int, cand *candidate, left, limit int) int {
	empty := row{free: o.Fresh}
	k := empty.capacity(cand)
	if k == 0 {
		return left
	}
	if full := min(left/k, limit-p.nodes); full > 0 {
		p.rows = append(p.rows, empty.with(full, c, k, cand))
		p.nodes += full
		left -= full * k
	}
	if left > 0 && left < k && p.nodes < limit {
		p.rows = append(p.rows, empty.with(1, c, left, cand))
		p.nodes++
		left = 0
	}
	return left
}
