// SPDX-License-Identifier: Apache-2.0

package place_test

import (
	"math/rand/v2"
	"testing"

	"github.com/muster-batch/muster/plugins/place"
)

// cost is how many domains are spanned, by level; the widest level counts for more than all below it.
type cost [place.MaxLevels]int

func (c cost) less(d cost) bool {
	for i := range c {
		if c[i] != d[i] {
			return c[i] < d[i]
		}
	}
	return false
}

func (c cost) plus(d cost) cost {
	for i := range c {
		c[i] += d[i]
	}
	return c
}

// oracle solves a problem of one group exactly, by trying every division of the members among the domains.
type oracle struct{ p *place.Problem }

// cheapest returns what the nodes cost, all of one domain above level, for every number of members up to count. That is
// nil when there is no room for as many.
func (o oracle) cheapest(nodes []int, level, count int) []*cost {
	best := make([]*cost, count+1)
	if level == o.p.Levels {
		room := 0
		for _, n := range nodes {
			room += o.room(n)
		}
		for i := 0; i <= min(room, count); i++ {
			best[i] = &cost{}
		}
		return best
	}
	best[0] = &cost{}
	for _, kid := range o.split(nodes, level) {
		shares := o.cheapest(kid, level+1, count)
		next := make([]*cost, count+1)
		for i, before := range best {
			for j, share := range shares {
				if before == nil || share == nil || i+j > count {
					continue
				}
				sum := before.plus(*share)
				if j > 0 {
					sum[level]++
				}
				if next[i+j] == nil || sum.less(*next[i+j]) {
					next[i+j] = &sum
				}
			}
		}
		best = next
	}
	return best
}

func (o oracle) room(n int) int { return int(o.p.Nodes[n].Free[0] / o.p.Groups[0].Size[0]) }

func (o oracle) split(nodes []int, level int) [][]int {
	by := map[int32][]int{}
	var order []int32
	for _, n := range nodes {
		d := o.p.Nodes[n].Path[level]
		if by[d] == nil {
			order = append(order, d)
		}
		by[d] = append(by[d], n)
	}
	var all [][]int
	for _, d := range order {
		all = append(all, by[d])
	}
	return all
}

// spanned counts the domains of an answer.
func spanned(p *place.Problem, a place.Answer) cost {
	var c cost
	seen := map[int32]bool{}
	for _, t := range a.Takes {
		for level, d := range p.Nodes[t.Node].Path {
			if !seen[d] {
				seen[d] = true
				c[level]++
			}
		}
	}
	return c
}

// randomTree returns nodes in zones, racks and, if wanted, a domain of their own each.
func randomTree(rng *rand.Rand, hosts bool) (nodes []place.Node, levels int) {
	next := int32(0)
	number := func() int32 { next++; return next }
	for range 1 + rng.IntN(3) {
		zone := number()
		for range 1 + rng.IntN(4) {
			rack := number()
			for range 1 + rng.IntN(4) {
				path := []int32{zone, rack}
				if hosts {
					path = append(path, number())
				}
				nodes = append(nodes, place.Node{Free: []int64{rng.Int64N(9)}, Path: path})
			}
		}
	}
	return nodes, len(nodes[0].Path)
}

// TestSpansFewDomains compares the domains spanned with an exact solver's.
func TestSpansFewDomains(t *testing.T) {
	t.Parallel()
	const cases, tolerance = 20_000, 1.05
	rng := rand.New(rand.NewPCG(4, 5))
	var got, want cost
	same, solved := 0, 0
	for range cases {
		nodes, levels := randomTree(rng, rng.IntN(2) == 0)
		p := &place.Problem{Nodes: nodes, Levels: levels, Groups: []place.Group{{Count: 1 + rng.IntN(40), Size: []int64{1 + rng.Int64N(2)}}}}
		all := make([]int, len(nodes))
		for n := range all {
			all[n] = n
		}
		exact := oracle{p}.cheapest(all, 0, p.Groups[0].Count)[p.Groups[0].Count]
		a := place.Solve(p)
		if a.Fits() != (exact != nil) {
			t.Fatalf("%+v: fits: %v; exact solver: %v", p, a.Fits(), exact != nil)
		}
		if exact == nil {
			continue
		}
		c := spanned(p, a)
		if c.less(*exact) {
			t.Fatalf("%+v: spans %v, less than the exact solver's %v", p, c, *exact)
		}
		solved++
		if c == *exact {
			same++
		}
		got, want = got.plus(c), want.plus(*exact)
	}
	t.Logf("%d of %d cases fit; %d spans as few domains as can be; zones %d (least %d), racks %d (%d), hosts %d (%d)",
		solved, cases, same, got[0], want[0], got[1], want[1], got[2], want[2])
	for level := range 3 {
		if float64(got[level]) > tolerance*float64(want[level]) {
			t.Errorf("level %d: %d domains spanned; the least is %d", level, got[level], want[level])
		}
	}
}
