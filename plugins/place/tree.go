// SPDX-License-Identifier: Apache-2.0

package place

import (
	"cmp"
	"slices"
)

const (
	root int32 = 0
	none int32 = -1
)

// domain is a set of nodes that are near each other. The root, of level -1, has them all.
type domain struct {
	level  int
	parent int32
	kids   []int32 // narrower domains; empty in the narrowest
	first  int32   // of its nodes, only in the narrowest; none in the others
	last   int32
	placed bool // a member that has its node already is here

	// What follows is of the group that was counted last.
	room   int  // for so many members
	used   bool // a member of the gang is here
	sorted bool // kids are sorted, the largest first
	whole  span // what filling it costs
}

// span counts domains by level, three levels to a word, so that comparing two means comparing their words in order.
type span [MaxLevels / perWord]uint64

const (
	perWord   = 3
	levelBits = 64 / perWord
)

func (s *span) add(t *span) {
	for i := range s {
		s[i] += t[i]
	}
}

func (s *span) subtract(t *span) {
	for i := range s {
		s[i] -= t[i]
	}
}

// step adds one domain of a level.
func (s *span) step(level int) { s[level/perWord] += 1 << (levelBits * (perWord - 1 - level%perWord)) }

// price is what it costs to seat some members: how many more domains they are in and, of equals, how much room the
// narrowest domain keeps that takes the last of them.
type price struct {
	span  span
	slack int
}

func (p *price) compare(q *price) int {
	for i := range p.span {
		if p.span[i] != q.span[i] {
			return cmp.Compare(p.span[i], q.span[i])
		}
	}
	return cmp.Compare(p.slack, q.slack)
}

// solver works on one problem.
type solver struct {
	p       *Problem
	classes []int // of the nodes that are used now, the lowest first
	domains []domain
	leaf    []int32 // by node: its narrowest domain
	next    []int32 // by node: the next one of that domain, or none
	room    []int   // by node: how many members of the group counted last

	free    [][]int64 // by node, less what is taken; nil when one count is enough
	takes   []Take
	missing []int
}

func newSolver(p *Problem) *solver {
	s := &solver{p: p, leaf: make([]int32, len(p.Nodes)), next: make([]int32, len(p.Nodes)), room: make([]int, len(p.Nodes))}
	s.domains = append(make([]domain, 0, 1+len(p.Nodes)), domain{level: -1, parent: none, first: none})
	index := make([]int32, s.widestNumber()+1) // 0 for none: the root is nobody's kid
	for n := range p.Nodes {
		at := root
		for level, number := range p.Nodes[n].Path[:p.Levels] {
			if index[number] == 0 {
				index[number] = int32(len(s.domains))
				s.domains = append(s.domains, domain{level: level, parent: at, first: none})
				s.domains[at].kids = append(s.domains[at].kids, index[number])
			}
			at = index[number]
		}
		s.append(at, int32(n))
	}
	for _, path := range p.Placed {
		for _, number := range path[:p.Levels] {
			if int(number) < len(index) && index[number] != 0 {
				s.domains[index[number]].placed = true
			}
		}
	}
	if len(p.Groups) > 1 || len(classesOf(p.Nodes)) > 1 {
		s.free = make([][]int64, len(p.Nodes))
		for n := range p.Nodes {
			s.free[n] = slices.Clone(p.Nodes[n].Free)
		}
	}
	return s
}

// append adds a node to its narrowest domain.
func (s *solver) append(d, node int32) {
	dom := &s.domains[d]
	s.leaf[node], s.next[node] = d, none
	if dom.first == none {
		dom.first = node
	} else {
		s.next[dom.last] = node
	}
	dom.last = node
}

func (s *solver) widestNumber() int32 {
	highest := int32(0)
	for n := range s.p.Nodes {
		for _, number := range s.p.Nodes[n].Path[:s.p.Levels] {
			highest = max(highest, number)
		}
	}
	return highest
}

// restart forgets what was seated.
func (s *solver) restart() {
	for _, t := range s.takes {
		s.charge(t, -1)
	}
	s.takes, s.missing = nil, s.p.counts()
	for d := range s.domains {
		s.domains[d].used = s.domains[d].placed
	}
}

func (s *solver) highest() int { return s.classes[len(s.classes)-1] }

// count finds how many members of a group there is room for, beside those seated, on each node up to a class and in each
// domain.
func (s *solver) count(g, class int) {
	for d := range s.domains {
		dom := &s.domains[d]
		dom.room, dom.sorted, dom.whole = 0, false, span{}
	}
	for n := range s.p.Nodes {
		s.room[n] = 0
		if s.p.Nodes[n].Class <= class {
			s.room[n] = s.roomOn(g, n)
		}
		s.domains[s.leaf[n]].room += s.room[n]
	}
	for d := len(s.domains) - 1; d > 0; d-- { // kids come after their parents
		dom := &s.domains[d]
		if dom.room == 0 {
			continue
		}
		parent := &s.domains[dom.parent]
		parent.room += dom.room
		parent.whole.add(&dom.whole)
		if !dom.used {
			parent.whole.step(dom.level)
		}
	}
}

func (s *solver) roomOn(g, n int) int {
	group, node := &s.p.Groups[g], &s.p.Nodes[n]
	if group.Bars != nil && group.Bars[n] {
		return 0
	}
	free := node.Free
	if s.free != nil {
		free = s.free[n]
	}
	room := -1
	for r, size := range group.Size {
		if size <= 0 {
			continue
		}
		if fit := int(max(free[r], 0) / size); room < 0 || fit < room {
			room = fit
		}
		if room == 0 {
			break
		}
	}
	return max(room, 0)
}

// sort puts the kids of d in order, the largest first, and returns d.
func (s *solver) sort(d int32) int32 {
	dom := &s.domains[d]
	if !dom.sorted {
		slices.SortFunc(dom.kids, func(a, b int32) int {
			x, y := &s.domains[a], &s.domains[b]
			if x.room != y.room {
				return cmp.Compare(y.room, x.room)
			}
			if c := (&price{span: x.whole}).compare(&price{span: y.whole}); c != 0 {
				return c
			}
			return cmp.Compare(a, b)
		})
		dom.sorted = true
	}
	return d
}

// home returns the domains of the widest level that the gang may be in: those of its placed members if it must be within
// one, else all.
func (s *solver) home() []int32 {
	return slices.DeleteFunc(slices.Clone(s.domains[root].kids), func(d int32) bool { return !s.isHome(d) })
}

// isHome reports whether the gang may be in d as far as its placed members are concerned.
func (s *solver) isHome(d int32) bool {
	if !s.p.Within || len(s.p.Placed) == 0 {
		return true
	}
	for s.domains[d].level > 0 {
		d = s.domains[d].parent
	}
	return s.domains[d].placed
}
