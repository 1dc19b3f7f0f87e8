// SPDX-License-Identifier: Apache-2.0

package pack

import "cmp"

// Cover chooses the nodes that bring a budget's Used up to floor: of one offer, as many of the missing vCPUs as Max allows,
// at the lowest cost, with the fewest nodes. It returns no nodes when nothing is missing or nothing may be bought.
func Cover(floor int, b Budget, offers []Offer, cost func(offer int) float64) (offer, nodes int) {
	missing := floor - b.Used
	if missing <= 0 {
		return 0, 0
	}
	covered, price := 0, 0.0
	s := solver{budgets: []Budget{b}}
	for i := range offers {
		o := offers[i]
		o.Budget = 0
		room, _ := s.room(&o, nil)
		n := min(room, (missing+o.VCPUs-1)/max(o.VCPUs, 1))
		if n == 0 {
			continue
		}
		gets, costs := min(n*o.VCPUs, missing), float64(n)*cost(i)
		better := cmp.Or(cmp.Compare(gets, covered), cmp.Compare(price, costs), cmp.Compare(nodes, n))
		if nodes == 0 || better > 0 {
			offer, nodes, covered, price = i, n, gets, costs
		}
	}
	return offer, nodes
}
