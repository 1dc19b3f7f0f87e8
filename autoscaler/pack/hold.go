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
	for _, h := range s.p.Holds {
		s.honour(h, index)
	}
	s.held, s.journal = s.journal, nil
}

// honour finds up to h.Nodes nodes of the group for the contents. A hold whose pods are all bound or gone finds none, and
// is forgotten by that.
func (s *solver) honour(h Hold, index map[string][2]int) {
	nodes := 0
	for _, b := range s.byGroup[h.Group] {
		if nodes == h.Nodes {
			return
		}
		if s.bins[b].held {
			continue
		}
		for _, c := range h.Contents {
			if at, known := index[c.Key]; known {
				n := s.put(b, at[0], at[1], min(c.Count, s.left[at[0]][at[1]]))
				s.bins[b].held = s.bins[b].held || n > 0
			}
		}
		if s.bins[b].held {
			nodes++
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
		group := s.bins[b].Group
		key := fmt.Sprint(group, list)
		if i, known := alike[key]; known {
			out[i].Nodes++
			continue
		}
		alike[key] = len(out)
		out = append(out, Hold{Group: group, Nodes: 1, Contents: list})
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
