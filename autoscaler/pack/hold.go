// SPDX-License-Identifier: Apache-2.0

package pack

// reserve gives the nodes that were bought for pods to those pods, before anybody else is served.
func (s *solver) reserve() {
	index := map[string][2]int{}
	for d := range s.p.Demands {
		for i := range s.p.Demands[d].Parts {
			index[s.part(d, i).Key] = [2]int{d, i}
		}
	}
	for _, h := range s.p.Holds {
		start := len(s.journal)
		s.honour(h, index)
		if len(s.journal) > start {
			s.holds = append(s.holds, hold{Hold: h, changes: s.journal[start:len(s.journal):len(s.journal)]})
		}
	}
	s.journal = nil
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
	kept := s.holds[:0]
	for _, h := range s.holds {
		if h.changes[0].demand != d {
			kept = append(kept, h)
			continue
		}
		for _, c := range h.changes {
			s.undo(c)
			s.bins[c.bin].held = false
		}
	}
	s.holds = kept
}
