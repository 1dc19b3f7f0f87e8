// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"cmp"
	"slices"
)

// largest is the most of every resource on any new node.
func largest(offers []Offer) Vector {
	var v Vector
	for i := range offers {
		f := &offers[i].Fresh
		v.CPUMillis = max(v.CPUMillis, f.CPUMillis)
		v.Memory = max(v.Memory, f.Memory)
		v.Disk = max(v.Disk, f.Disk)
		v.GPUs = max(v.GPUs, f.GPUs)
	}
	return v
}

// candidate is a part with pods that want nodes.
type candidate struct {
	demand, part int
	*Part
	size float64
	left int
}

// candidates are the parts of a demand that still want nodes, largest first.
func (s *solver) candidates(demands ...int) []candidate {
	var out []candidate
	for _, d := range demands {
		for i, left := range s.left[d] {
			if left > 0 {
				part := s.part(d, i)
				out = append(out, candidate{demand: d, part: i, Part: part, size: s.scale.share(part.Request), left: left})
			}
		}
	}
	// By key among equals, so that equal questions get equal answers.
	slices.SortStableFunc(out, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.Key, b.Key))
	})
	return out
}
