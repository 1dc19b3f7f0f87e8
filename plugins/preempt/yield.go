// SPDX-License-Identifier: Apache-2.0

package preempt

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// yield says how good it is to end a work, by the node where it is best.
type yield struct {
	price  float64   // pods that end for a seat, if the whole node is emptied
	oldest time.Time // of what runs on the node
	node   int
	freed  float64 // what the work's pods free of a member's needs, each
}

// compare is negative when it is worse to end the work of y: it is given back first.
func (y yield) compare(z yield) int {
	return cmp.Or(
		cmp.Compare(z.price, y.price),
		y.oldest.Compare(z.oldest),
		cmp.Compare(y.node, z.node),
		cmp.Compare(y.freed, z.freed))
}

// yields returns the yields of works, by index.
func (s *search) yields(works []int) []yield {
	prices := s.prices(works)
	yields := make([]yield, len(s.works))
	for _, i := range works {
		w := &s.works[i]
		yields[i] = yield{price: math.Inf(1), node: -1, oldest: w.Started, freed: s.freedBy(w)}
		for _, room := range w.Rooms {
			at := prices[room.Node]
			at.node, at.freed = room.Node, yields[i].freed
			if yields[i].compare(at) < 0 {
				yields[i] = at
			}
		}
	}
	return yields
}

// prices returns, by node, what a seat costs there if all works are ended.
func (s *search) prices(works []int) []yield {
	before, after := s.cluster.freed(s.works, make([]bool, len(s.works))), s.cluster.freed(s.works, s.gone(works))
	pods := make([]float64, len(s.cluster.Nodes))
	prices := make([]yield, len(s.cluster.Nodes))
	for _, i := range works {
		w := &s.works[i]
		for _, room := range w.Rooms {
			pods[room.Node] += float64(w.Pods) / float64(len(w.Rooms))
			if p := &prices[room.Node]; p.oldest.IsZero() || w.Started.Before(p.oldest) {
				p.oldest = w.Started
			}
		}
	}
	for i := range prices {
		node := &s.cluster.Nodes[i]
		gain := s.cluster.seats(node, after[i], s.cluster.sizes()) - s.cluster.seats(node, before[i], s.cluster.sizes())
		prices[i].price = math.Inf(1)
		if gain > 0 {
			prices[i].price = pods[i] / float64(gain)
		}
	}
	return prices
}

// freedBy returns how many members' needs a work frees with each of its pods, by the resource that it frees most of.
func (s *search) freedBy(w *Work) float64 {
	var most []float64
	for _, room := range w.Rooms {
		for r, amount := range room.Amounts {
			if len(most) <= r {
				most = append(most, 0)
			}
			need := int64(0)
			for g := range s.cluster.Groups {
				need = max(need, s.cluster.Groups[g].Each[r])
			}
			if need > 0 {
				most[r] += float64(amount) / float64(need)
			}
		}
	}
	if len(most) == 0 {
		return 0
	}
	return slices.Max(most) / float64(max(w.Pods, 1))
}
