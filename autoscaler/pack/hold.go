// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"cmp"
	"fmt"
	"slices"
)

// reserve gives the nodes that were bought for pods to those pods, before anybody else is served.
func (s *solver) reserve() {
	index := map[string][2]int{}
	for d := range s.p.Demands {
		for i := range s.p.Demands[d].Parts {
			index[s.part(d, i).Key] = [2]int{d, i}
		}
	}
	holds := slices.Clone(s.p.Holds)
	slices.SortStableFunc(holds, func(a, b Hold) int { return cmp.Compare(b.Nodes, a.Nodes) })
	for i := range holds {
		s.honour(&holds[i], index, isTheNode)
	}
	// Of launches to one group, those of which all nodes are there go before one that may have failed.
	for i := range holds {
		if h := &holds[i]; s.count(h, index, isAsPromised) >= h.Nodes {
			s.honour(h, index, isAsPromised)
		}
	}
	for _, suits := range []suitability{isAsPromised, holdsTheRest, isFresh, isAny} {
		for i := range holds {
			s.honour(&holds[i], index, suits)
		}
	}
	s.held, s.journal = s.journal, nil
}

// rest is what a hold still has to find a node for.
type rest struct {
	*Hold
	pods  int
	sum   Vector
	whole bool // none of its pods has a place elsewhere by now
}

func (s *solver) rest(h *Hold, index map[string][2]int) rest {
	r := rest{Hold: h, whole: true}
	for _, c := range h.Contents {
		n := 0
		if at, known := index[c.Key]; known {
			n = min(c.Count, s.left[at[0]][at[1]])
			r.sum = r.sum.Plus(s.part(at[0], at[1]).Request, n)
		}
		r.pods += n
		r.whole = r.whole && n == c.Count
	}
	return r
}

// suitability reports whether a node is the one that was promised, as far as that can be told: nodes on their way have no
// names, and get pods that others were promised as soon as they are there.
type suitability func(r *rest, b *bin) bool

func isTheNode(r *rest, b *bin) bool { return r.Node != "" && r.Node == b.Name }

// isAsPromised chooses a node that nobody is on, for what waits as a whole.
func isAsPromised(r *rest, b *bin) bool { return isFresh(r, b) && r.whole }

// holdsTheRest chooses the node that some of a hold's pods are on already, or one like it.
func holdsTheRest(r *rest, b *bin) bool {
	return r.Node == "" && !r.whole && b.Shared && b.Free.Fits(r.sum) > 0
}

func isFresh(r *rest, b *bin) bool { return r.Node == "" && !b.Shared }

// isAny chooses a node on which others were quicker, for what they left.
func isAny(r *rest, _ *bin) bool { return r.Node == "" }

// honour finds up to h.Nodes nodes of the group for the contents, and takes them off the hold. A hold whose pods are all
// bound or gone finds none, and is forgotten by that.
func (s *solver) honour(h *Hold, index map[string][2]int, suits suitability) {
	r := s.rest(h, index)
	for _, b := range s.byGroup[h.Group] {
		if h.Nodes == 0 || r.pods == 0 {
			return
		}
		if !s.bins[b].held && suits(&r, &s.bins[b]) && s.keep(b, h, index) {
			h.Nodes--
			r = s.rest(h, index)
		}
	}
}

// count is how many nodes of the group suit the hold.
func (s *solver) count(h *Hold, index map[string][2]int, suits suitability) int {
	r, n := s.rest(h, index), 0
	for _, b := range s.byGroup[h.Group] {
		if !s.bins[b].held && suits(&r, &s.bins[b]) {
			n++
		}
	}
	return n
}

// keep puts a hold's contents on a node, as far as they are left and it takes them, and reports whether it took any.
func (s *solver) keep(b int, h *Hold, index map[string][2]int) bool {
	for _, c := range h.Contents {
		if at, known := index[c.Key]; known {
			n := s.put(b, at[0], at[1], min(c.Count, s.left[at[0]][at[1]]))
			s.bins[b].held = s.bins[b].held || n > 0
		}
	}
	return s.bins[b].held
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

// promises are the holds for the next Problem: what was put on nodes that are on their way or were held before.
func (s *solver) promises() []Hold {
	contents := make([][]Content, len(s.bins))
	for _, c := range slices.Concat(s.held, s.journal) {
		if b := &s.bins[c.bin]; b.held || b.Coming {
			contents[c.bin] = appendContent(contents[c.bin], s.part(c.demand, c.part).Key, c.count)
		}
	}
	var out []Hold
	alike := map[string]int{}
	for b, list := range contents {
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, func(x, y Content) int { return cmp.Compare(x.Key, y.Key) })
		group, node := s.bins[b].Group, s.bins[b].Name
		key := fmt.Sprint(group, node, list)
		if i, known := alike[key]; known {
			out[i].Nodes++
			continue
		}
		alike[key] = len(out)
		out = append(out, Hold{Group: group, Node: node, Nodes: 1, Contents: list})
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
