// SPDX-License-Identifier: Apache-2.0

package room

import (
	"container/heap"
	"slices"
)

// choose seats the gang at a time at which it fits, in the domain where fewest pods have to end for it.
func (f *finder) choose(at int64) []Room {
	var best []Room
	bestEnds := 0
	for _, domain := range f.domains {
		rooms := f.chooseIn(domain, at)
		if rooms == nil {
			continue
		}
		ends := f.awaited(rooms)
		if best == nil || ends < bestEnds || (ends == bestEnds && f.heldIn(domain)) {
			best, bestEnds = rooms, ends
		}
	}
	return best
}

func (f *finder) awaited(rooms []Room) int {
	n := 0
	for _, r := range rooms {
		n += len(r.Awaits)
	}
	return n
}

func (f *finder) heldIn(domain []int) bool {
	return slices.ContainsFunc(domain, func(i int) bool { return f.nodes[i].node.Held })
}

// chooseIn returns nil when the gang does not fit in the domain at that time.
func (f *finder) chooseIn(domain []int, at int64) []Room {
	c := &choice{f: f, at: at, nodes: make(map[int]*chosen, len(domain))}
	for _, g := range f.order {
		if !c.seat(domain, g) {
			return f.anyhow(domain, at)
		}
	}
	var rooms []Room
	for _, i := range domain {
		if n := c.nodes[i]; n != nil && n.seats != nil {
			rooms = append(rooms, f.room(i, n.seats, n.ended))
		}
	}
	return rooms
}

// anyhow seats the gang as fill does.
func (f *finder) anyhow(domain []int, at int64) []Room {
	seats := map[int][]int{}
	if !f.fill(domain, at, seats) {
		return nil
	}
	var rooms []Room
	for _, i := range domain {
		if seats[i] != nil {
			rooms = append(rooms, f.room(i, seats[i], f.nodes[i].ended(at)))
		}
	}
	return rooms
}

// room is what the gang gets on a node once so many of its pods have ended; those of them that need not end are left out,
// the latest first.
func (f *finder) room(node int, seats []int, ended int) Room {
	o := &f.nodes[node]
	spare := slices.Clone(o.free(ended))
	for g, n := range seats {
		take(spare, f.gang[g].Uses, n)
	}
	r := Room{Node: node, Seats: seats}
	for k := ended - 1; k >= 0; k-- {
		pod := &o.node.Pods[o.order[k]]
		if f.canSpare(spare, pod.Uses) {
			take(spare, pod.Uses, 1)
		} else {
			r.Awaits = append(r.Awaits, pod.ID)
		}
	}
	slices.Reverse(r.Awaits)
	return r
}

// canSpare reports whether uses fits into spare, as far as the gang asks for it.
func (f *finder) canSpare(spare, uses []int64) bool {
	for i, use := range uses {
		asked := slices.ContainsFunc(f.gang, func(g Group) bool { return g.Uses[i] > 0 })
		if asked && use > spare[i] {
			return false
		}
	}
	return true
}

// choice is a gang's way to its seats, group by group.
type choice struct {
	f     *finder
	at    int64
	nodes map[int]*chosen
}

// chosen is a node's part in it.
type chosen struct {
	seats []int // by group
	ended int   // how many pods must have ended
	taken []int64
}

// seat seats one group: first where there is room now, then where the most seats are won for each pod that ends.
func (c *choice) seat(domain []int, group int) bool {
	left := c.f.gang[group].Count
	for _, i := range domain {
		left -= c.take(i, group, c.ended(i), left)
		if left == 0 {
			return true
		}
	}
	steps := &steps{}
	for _, i := range domain {
		if s, ok := c.step(i, group, left); ok {
			*steps = append(*steps, s)
		}
	}
	heap.Init(steps)
	for steps.Len() > 0 {
		s := heap.Pop(steps).(step)
		// What is left may be less than when the step was made.
		if again, ok := c.step(s.node, group, left); !ok {
			continue
		} else if again != s {
			heap.Push(steps, again)
			continue
		}
		if left -= c.take(s.node, group, s.ended, left); left == 0 {
			return true
		}
		if next, ok := c.step(s.node, group, left); ok {
			heap.Push(steps, next)
		}
	}
	return false
}

func (c *choice) ended(node int) int {
	if n := c.nodes[node]; n != nil {
		return n.ended
	}
	return 0
}

// room returns how many members of the group a node takes once so many of its pods have ended.
func (c *choice) room(node, group, ended int) int {
	o := &c.f.nodes[node]
	n := c.nodes[node]
	if n == nil {
		return o.seats(group, c.f.gang[group].Uses, o.free(ended))
	}
	free := slices.Clone(o.free(ended))
	for i, amount := range n.taken {
		free[i] -= amount
	}
	return o.seats(group, c.f.gang[group].Uses, free)
}

// take seats at most so many members on a node and returns how many.
func (c *choice) take(node, group, ended, most int) int {
	count := min(most, c.room(node, group, ended))
	if count == 0 {
		return 0
	}
	n := c.nodes[node]
	if n == nil {
		n = &chosen{seats: make([]int, len(c.f.gang)), taken: make([]int64, len(c.f.gang[group].Uses))}
		c.nodes[node] = n
	}
	n.ended = ended
	n.seats[group] += count
	for i, use := range c.f.gang[group].Uses {
		n.taken[i] += use * int64(count)
	}
	return count
}

// step is what waiting for more pods of a node wins.
type step struct {
	node, ended int
	seats, ends int
	held        bool
	at          int64 // when the last of them ends
}

// step returns a node's best step; false when it has none.
func (c *choice) step(node, group, left int) (step, bool) {
	o := &c.f.nodes[node]
	from := c.ended(node)
	best, found := step{}, false
	for k := from + 1; k <= o.ended(c.at); k++ {
		seats := min(left, c.room(node, group, k))
		if seats == 0 {
			continue
		}
		s := step{node: node, ended: k, seats: seats, ends: k - from, held: o.node.Held, at: o.ends[k-1]}
		if !found || s.before(best) {
			best, found = s, true
		}
	}
	return best, found
}

// before reports whether s is to be taken before t: more seats for each end, then where room was kept so far, then soonest.
func (s step) before(t step) bool {
	switch a, b := s.seats*t.ends, t.seats*s.ends; {
	case a != b:
		return a > b
	case s.held != t.held:
		return s.held
	case s.at != t.at:
		return s.at < t.at
	}
	return s.node < t.node
}

// steps is a heap.
type steps []step

// Len returns how many steps there are.
func (s steps) Len() int { return len(s) }

// Less reports which step goes first.
func (s steps) Less(i, j int) bool { return s[i].before(s[j]) }

// Swap swaps two steps.
func (s steps) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push adds a step.
func (s *steps) Push(x any) { *s = append(*s, x.(step)) }

// Pop removes the last step.
func (s *steps) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}
