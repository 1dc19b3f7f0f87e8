// SPDX-License-Identifier: Apache-2.0

package pack

import "slices"

// HoldFor is a hold of a node of which no more is known than for which demand it is: for as much of that as fits, the largest
// parts first.
func (p *Problem) HoldFor(demand int, node string) Hold {
	h := Hold{Node: node}
	for _, c := range newSolver(p).candidates(demand) {
		h.Contents = append(h.Contents, Content{c.Key, c.left})
	}
	return h
}

// reserve gives the nodes that were bought for pods to those pods, before anybody else is served: each as far as its pods
// have no place yet, and still fit. A hold whose pods are all bound or gone finds none, and is forgotten by that; so is one
// whose node is not there.
func (s *solver) reserve() {
	index := map[string][2]int{}
	for d := range s.p.Demands {
		for i := range s.p.Demands[d].Parts {
			index[s.part(d, i).Key] = [2]int{d, i}
		}
	}
	named := map[string]int{}
	for b := range s.p.Bins {
		if name := s.p.Bins[b].Name; name != "" {
			named[name] = b
		}
	}
	for i := range s.p.Holds {
		if b, there := named[s.p.Holds[i].Node]; there {
			s.honour(&s.p.Holds[i], b, index)
		}
	}
	s.held, s.journal = s.journal, nil
}

// honour puts a hold's contents on its node.
func (s *solver) honour(h *Hold, b int, index map[string][2]int) {
	for _, c := range h.Contents {
		if at, known := index[c.Key]; known {
			n := s.put(b, at[0], at[1], min(c.Count, s.left[at[0]][at[1]]))
			s.bins[b].held = s.bins[b].held || n > 0
		}
	}
}

// release gives back what holds had set aside for a demand that cannot be completed.
func (s *solver) release(d int) {
	s.held = slices.DeleteFunc(s.held, func(c change) bool {
		if c.demand == d {
			s.undo(c)
		}
		return c.demand == d
	})
}

// promises are the holds for the next Problem: what was put on nodes that are on their way or were held before. A demand that
// is whole and has to wait for nodes, or had to, is promised those, too, that are there and empty.
func (s *solver) promises() []Hold {
	all := slices.Concat(s.held, s.journal)
	waits := map[int]bool{}
	for n, c := range all {
		if n < len(s.held) || c.bin >= len(s.p.Bins) || s.bins[c.bin].Coming {
			waits[c.demand] = true
		}
	}
	contents := make([][]Content, len(s.bins))
	for _, c := range all {
		b := &s.bins[c.bin]
		empty := c.bin < len(s.p.Bins) && !b.Shared && s.p.Demands[c.demand].Whole && waits[c.demand]
		if b.held || b.Coming || empty {
			contents[c.bin] = appendContent(contents[c.bin], s.part(c.demand, c.part).Key, c.count)
		}
	}
	var out []Hold
	for b, list := range contents {
		if len(list) > 0 {
			out = append(out, Hold{Node: s.bins[b].Name, Bought: s.bins[b].bought, Contents: list})
		}
	}
	return out
}

func appendContent(list []Content, key string, count int) []Content {
	for i := range list {
		if list[i].Key == key {
			list[i].Count += count
			return list
		}
	}
	return append(list, Content{key, count})
}
