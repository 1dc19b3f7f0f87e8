// SPDX-License-Identifier: Apache-2.0

package place

import (
	"cmp"
	"slices"
)

// MaxLevels is how many levels of topology a problem may have.
const MaxLevels = 9

// Problem asks for places for the members of one gang.
type Problem struct {
	Groups []Group // seated one after the other
	Nodes  []Node  // in the order in which they are filled when nothing else decides
	Levels int     // of topology. Invariant: Levels <= MaxLevels.
	Within bool    // all members must be in one domain of the widest level. Invariant: Within implies Levels > 0.

	// Placed are the domains, a path each, of the gang's members that have their nodes already. The others are put near
	// them, and if Within holds into their domain.
	Placed [][]int32
}

// Group is members that are alike.
type Group struct {
	Count int
	Size  []int64 // what each takes of every resource. Invariant: at least one is above 0.
	Bars  []bool  // by node: these take no member of the group; nil for none
}

// Node is a place for members.
type Node struct {
	Free  []int64 // by resource; may be below 0
	Path  []int32 // the node's domain at each level, the widest first. Numbers are small and differ between levels.
	Class int     // nodes of a class are used only if those of the lower ones do not hold the gang
}

// Take is a number of members of one group that go to one node.
type Take struct{ Group, Node, Count int }

// Answer is where the members go. Takes of one domain are together.
type Answer struct {
	Takes   []Take
	Missing []int // by group: how many members have no place
}

// Fits reports whether every member has a place.
func (a *Answer) Fits() bool { return a.missing() == 0 }

// Seated returns how many members have a place.
func (a *Answer) Seated() int {
	sum := 0
	for _, t := range a.Takes {
		sum += t.Count
	}
	return sum
}

func (a *Answer) missing() int {
	sum := 0
	for _, n := range a.Missing {
		sum += n
	}
	return sum
}

// Solve returns the best places that it finds.
func Solve(p *Problem) Answer {
	s := newSolver(p)
	a := Answer{Missing: p.counts()}
	classes := classesOf(p.Nodes)
	for i := range classes {
		s.classes = classes[:i+1]
		if a = s.solve(); a.Fits() {
			break
		}
	}
	return a
}

// maxClasses is how many attempts the classes of nodes are worth. The last one has all nodes.
const maxClasses = 4

// classesOf returns the classes up to which nodes are to be tried, one attempt after the other.
func classesOf(nodes []Node) []int {
	all := []int{}
	for i := range nodes {
		if c := nodes[i].Class; !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	slices.Sort(all)
	if len(all) > maxClasses {
		all = append(all[:maxClasses-1], all[len(all)-1])
	}
	return all
}

// solve is one attempt.
func (s *solver) solve() Answer {
	switch {
	case len(s.p.Groups) > 1:
		return s.together()
	case !s.p.Within:
		return s.within(root)
	}
	s.restart()
	s.count(0, s.highest())
	home := s.home()
	top := s.pick(home, s.p.Groups[0].Count)
	if top == none {
		top = s.largest(home)
	}
	return s.within(top)
}

// maxTries is how many domains of one level are tried for groups that differ, and maxTogether for how many groups at most.
const (
	maxTries    = 8
	maxTogether = 16
)

// together seats several groups in the narrowest domain where that succeeds, or else as widely as it is allowed to.
func (s *solver) together() Answer {
	s.restart()
	if len(s.p.Groups) <= maxTogether {
		holds := s.bound()
		for level := s.p.Levels - 1; level >= 0; level-- {
			for _, d := range s.promising(level, holds) {
				if a := s.within(d); a.Fits() {
					return a
				}
			}
		}
	}
	if !s.p.Within {
		return s.within(root)
	}
	best := Answer{Missing: s.p.counts()}
	for _, d := range s.home() {
		if a := s.within(d); a.missing() < best.missing() {
			best = a
		}
	}
	return best
}

// within seats all groups in one domain, as many of their members as have room; none has none.
func (s *solver) within(d int32) Answer {
	s.restart()
	for _, class := range s.classes {
		for g := range s.p.Groups {
			if d != none && s.missing[g] > 0 {
				s.count(g, class)
				s.seat(g, d)
			}
		}
	}
	return Answer{Takes: s.takes, Missing: s.missing}
}

// promising returns the domains of a level that may hold the whole gang, the tightest first.
func (s *solver) promising(level int, holds []int) []int32 {
	var found []int32
	for d := range s.domains {
		if s.domains[d].level == level && holds[d] >= 0 && s.isHome(int32(d)) {
			found = append(found, int32(d))
		}
	}
	slices.SortStableFunc(found, func(a, b int32) int { return cmp.Compare(holds[a], holds[b]) })
	return found[:min(len(found), maxTries)]
}

// bound returns by domain how many members beyond those of the gang it could hold if each group were alone; -1 if one
// group does not fit even so.
func (s *solver) bound() []int {
	spare := make([]int, len(s.domains))
	for g := range s.p.Groups {
		s.count(g, s.highest())
		for d := range s.domains {
			switch room := s.domains[d].room - s.p.Groups[g].Count; {
			case room < 0:
				spare[d] = -1
			case spare[d] >= 0:
				spare[d] += room
			}
		}
	}
	return spare
}

func (p *Problem) counts() []int {
	counts := make([]int, len(p.Groups))
	for g := range p.Groups {
		counts[g] = p.Groups[g].Count
	}
	return counts
}
