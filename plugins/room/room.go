// SPDX-License-Identifier: Apache-2.0

package room

import (
	"math"
	"slices"
	"sort"
	"time"
)

// Group is a number of members that are alike. Amounts, here and below, are of the same resources in the same order.
type Group struct {
	Count int
	Uses  []int64 // by one member. Invariant: at least one amount is above 0.
}

// Node is a node on which members may run.
type Node struct {
	Name   string
	Domain string  // the value of the label under one value of which all members must be; the same for all nodes if none
	Free   []int64 // what nobody uses; negative counts as nothing
	Pods   []Pod   // what runs there
	May    []bool  // by group: whether its members may run there; nil: all may
	Held   bool    // room was kept there so far; of equals such a node is taken
}

// Pod is a running pod.
type Pod struct {
	ID   string
	Uses []int64
	Ends time.Time // at the latest; zero when nobody knows
}

// Plan is when and where a gang is going to fit.
type Plan struct {
	At    time.Time // zero when nobody knows
	Rooms []Room    // in the order of the nodes
}

// Room is what a gang gets on one node.
type Room struct {
	Node   int      // index into the nodes
	Seats  []int    // by group
	Awaits []string // the pods there that must end first, by ID
}

// never is the end of what nobody knows the end of.
const never = math.MaxInt64

// Find returns the earliest plan for a gang; false when it would not fit even if nothing ran at all. Groups of different
// sizes are packed greedily, the largest first, so that a plan for them may be later than need be, but never too early.
func Find(gang []Group, nodes []Node, now time.Time) (Plan, bool) {
	f := newFinder(gang, nodes, now.UnixNano())
	at, ok := f.earliest()
	if !ok {
		return Plan{}, false
	}
	rooms := f.choose(at)
	plan := Plan{Rooms: rooms}
	if at != never {
		plan.At = time.Unix(0, at)
	}
	return plan, true
}

// finder is one search.
type finder struct {
	gang    []Group
	order   []int // of the groups, the largest first
	nodes   []outlook
	domains [][]int // the nodes of each domain
	times   []int64 // at which something may come to fit, ascending; the last is never
}

func newFinder(gang []Group, nodes []Node, now int64) *finder {
	f := &finder{gang: gang, order: largestFirst(gang), nodes: make([]outlook, len(nodes)), times: []int64{now, never}}
	byDomain := map[string]int{}
	for i := range nodes {
		f.nodes[i] = newOutlook(&nodes[i], now)
		f.times = append(f.times, f.nodes[i].ends...)
		d, ok := byDomain[nodes[i].Domain]
		if !ok {
			d = len(f.domains)
			byDomain[nodes[i].Domain] = d
			f.domains = append(f.domains, nil)
		}
		f.domains[d] = append(f.domains[d], i)
	}
	slices.Sort(f.times)
	f.times = slices.Compact(f.times)
	return f
}

// largestFirst orders groups by what one member uses, as a share of what all members use.
func largestFirst(gang []Group) []int {
	order := make([]int, len(gang))
	total := make([]float64, len(gang[0].Uses))
	for g := range gang {
		order[g] = g
		for i, use := range gang[g].Uses {
			total[i] += float64(use) * float64(gang[g].Count)
		}
	}
	share := func(g int) float64 {
		most := 0.0
		for i, use := range gang[g].Uses {
			if total[i] > 0 {
				most = max(most, float64(use)/total[i])
			}
		}
		return most
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch sa, sb := share(a), share(b); {
		case sa > sb:
			return -1
		case sa < sb:
			return 1
		}
		return 0
	})
	return order
}

// earliest returns the first time at which the gang fits in some domain; false when it never does.
func (f *finder) earliest() (int64, bool) {
	fitsAt := func(at int64) bool {
		return slices.ContainsFunc(f.domains, func(domain []int) bool { return f.fill(domain, at, nil) })
	}
	if !fitsAt(never) {
		return 0, false
	}
	i := sort.Search(len(f.times)-1, func(i int) bool { return fitsAt(f.times[i]) })
	return f.times[i], true
}

// fill reports whether the gang fits on the nodes at a time. It notes the seats in rooms unless that is nil.
func (f *finder) fill(nodes []int, at int64, rooms map[int][]int) bool {
	left := make([]int, len(f.gang))
	for g := range f.gang {
		left[g] = f.gang[g].Count
	}
	open := len(f.gang)
	free := make([]int64, len(f.gang[0].Uses))
	for _, i := range nodes {
		o := &f.nodes[i]
		copy(free, o.free(o.ended(at)))
		for _, g := range f.order {
			n := min(left[g], o.seats(g, f.gang[g].Uses, free))
			if n == 0 {
				continue
			}
			take(free, f.gang[g].Uses, n)
			note(rooms, i, g, n, len(f.gang))
			if left[g] -= n; left[g] == 0 {
				open--
			}
		}
		if open == 0 {
			return true
		}
	}
	return open == 0
}

func note(rooms map[int][]int, node, group, n, groups int) {
	if rooms == nil {
		return
	}
	if rooms[node] == nil {
		rooms[node] = make([]int, groups)
	}
	rooms[node][group] += n
}

func take(free, uses []int64, n int) {
	for i, use := range uses {
		free[i] -= use * int64(n)
	}
}
