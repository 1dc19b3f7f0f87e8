// SPDX-License-Identifier: Apache-2.0

package place_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/plugins/place"
)

// at returns a node with that much of one resource, in a zone and a rack.
func at(zone, rack int32, free int64) place.Node {
	return place.Node{Free: []int64{free}, Path: []int32{zone, 10 + rack}}
}

// of is a group of so many members of size 1.
func of(count int) place.Group { return place.Group{Count: count, Size: []int64{1}} }

func classed(node place.Node, class int) place.Node {
	node.Class = class
	return node
}

func TestSolve(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		p           place.Problem
		want        []int // members by node
		wantMissing int
	}{
		"nodes are filled in order": {
			p:    place.Problem{Nodes: []place.Node{{Free: []int64{2}}, {Free: []int64{9}}}, Groups: []place.Group{of(3)}},
			want: []int{2, 1},
		},
		"a node with less than nothing free takes none": {
			p:    place.Problem{Nodes: []place.Node{{Free: []int64{-1}}, {Free: []int64{9}}}, Groups: []place.Group{of(3)}},
			want: []int{0, 3},
		},
		"a resource that is not asked for does not count": {
			p: place.Problem{
				Nodes:  []place.Node{{Free: []int64{-1, 4}}},
				Groups: []place.Group{{Count: 2, Size: []int64{0, 2}}},
			},
			want: []int{2},
		},
		"the scarcest resource counts": {
			p: place.Problem{
				Nodes:  []place.Node{{Free: []int64{9, 3}}, {Free: []int64{1, 9}}},
				Groups: []place.Group{{Count: 9, Size: []int64{1, 1}}},
			},
			want: []int{3, 1}, wantMissing: 5,
		},
		"a barred node takes none": {
			p: place.Problem{
				Nodes:  []place.Node{{Free: []int64{9}}, {Free: []int64{9}}},
				Groups: []place.Group{{Count: 2, Size: []int64{1}, Bars: []bool{true, false}}},
			},
			want: []int{0, 2},
		},
		"a lower class goes first": {
			p: place.Problem{
				Nodes:  []place.Node{classed(at(1, 1, 9), 1), at(1, 2, 2), at(2, 3, 2)},
				Levels: 2, Groups: []place.Group{of(4)},
			},
			want: []int{0, 2, 2},
		},
		"a higher class when it must be": {
			p: place.Problem{
				Nodes:  []place.Node{classed(at(1, 1, 9), 1), at(1, 2, 2), at(2, 3, 2)},
				Levels: 2, Groups: []place.Group{of(5)},
			},
			want: []int{1, 2, 2},
		},
		"the narrowest domain that holds the gang, not the tightest zone": {
			p: place.Problem{
				Nodes:  []place.Node{at(1, 1, 2), at(1, 2, 2), at(2, 3, 4), at(2, 4, 4)},
				Levels: 2, Groups: []place.Group{of(4)},
			},
			want: []int{0, 0, 4, 0},
		},
		"the tightest of the domains that hold the gang": {
			p: place.Problem{
				Nodes:  []place.Node{at(1, 1, 9), at(1, 2, 3), at(2, 3, 4)},
				Levels: 2, Groups: []place.Group{of(3)},
			},
			want: []int{0, 3, 0},
		},
		"the largest domains first, the last one the tightest": {
			p: place.Problem{
				Nodes:  []place.Node{at(1, 1, 2), at(1, 2, 5), at(1, 3, 9), at(1, 4, 4)},
				Levels: 2, Groups: []place.Group{of(12)},
			},
			want: []int{0, 0, 9, 3},
		},
		"as many as there is room for": {
			p:    place.Problem{Nodes: []place.Node{at(1, 1, 2), at(2, 2, 5)}, Levels: 2, Groups: []place.Group{of(12)}},
			want: []int{2, 5}, wantMissing: 5,
		},
		"within one zone": {
			p: place.Problem{
				Nodes:  []place.Node{at(1, 1, 3), at(1, 2, 3), at(2, 3, 5)},
				Levels: 2, Within: true, Groups: []place.Group{of(6)},
			},
			want: []int{3, 3, 0},
		},
		"within one zone, as many as there is room for": {
			p: place.Problem{
				Nodes:  []place.Node{at(1, 1, 3), at(1, 2, 3), at(2, 3, 5)},
				Levels: 2, Within: true, Groups: []place.Group{of(9)},
			},
			want: []int{3, 3, 0}, wantMissing: 3,
		},
		"the members placed before decide the zone": {
			p: place.Problem{
				Nodes:  []place.Node{at(1, 1, 3), at(1, 2, 3), at(2, 3, 5)},
				Levels: 2, Within: true, Groups: []place.Group{of(6)}, Placed: [][]int32{{2, 13}},
			},
			want: []int{0, 0, 5}, wantMissing: 1,
		},
		"no zone is left for members whose gang is in a full one": {
			p: place.Problem{
				Nodes:  []place.Node{at(1, 1, 3)},
				Levels: 2, Within: true, Groups: []place.Group{of(1)}, Placed: [][]int32{{2, 13}},
			},
			want: []int{0}, wantMissing: 1,
		},
		"near the members placed before": {
			p: place.Problem{
				Nodes:  []place.Node{at(1, 1, 2), at(1, 2, 9), at(2, 3, 2)},
				Levels: 2, Groups: []place.Group{of(2)}, Placed: [][]int32{{1, 12}},
			},
			want: []int{0, 2, 0},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := place.Solve(&tc.p)
			if diff := cmp.Diff(tc.want, byNode(&tc.p, a)); diff != "" {
				t.Errorf("members by node (-want +got):\n%s", diff)
			}
			if a.Missing[0] != tc.wantMissing || a.Fits() != (tc.wantMissing == 0) {
				t.Errorf("missing %v, fits %v; want %d", a.Missing, a.Fits(), tc.wantMissing)
			}
		})
	}
}

func byNode(p *place.Problem, a place.Answer) []int {
	counts := make([]int, len(p.Nodes))
	for _, t := range a.Takes {
		counts[t.Node] += t.Count
	}
	return counts
}

// TestGroupsThatDifferStayTogether has a large main member and small workers that fit together in one zone only, which is
// not the one that the main member would choose.
func TestGroupsThatDifferStayTogether(t *testing.T) {
	t.Parallel()
	p := &place.Problem{
		Nodes:  []place.Node{at(1, 1, 4), at(1, 2, 1), at(2, 3, 5), at(2, 4, 2)},
		Levels: 2,
		Groups: []place.Group{{Count: 1, Size: []int64{4}}, of(3)},
	}
	a := place.Solve(p)
	want := []place.Take{{Group: 0, Node: 2, Count: 1}, {Group: 1, Node: 2, Count: 1}, {Group: 1, Node: 3, Count: 2}}
	if diff := cmp.Diff(want, a.Takes); diff != "" {
		t.Errorf("takes (-want +got):\n%s", diff)
	}
	p.Groups[1].Count = 4
	if a := place.Solve(p); !a.Fits() || a.Takes[0].Node != 0 && a.Takes[0].Node != 2 {
		t.Errorf("over both zones: %+v", a)
	}
	p.Within = true
	p.Groups[1].Count = 5
	if a := place.Solve(p); a.Fits() || !slices.Equal(a.Missing, []int{0, 2}) {
		t.Errorf("within one zone: %+v", a)
	}
}

// TestAnswersHold checks random problems of several groups: no node gives more than it has, no barred node is used,
// members that are missing find no room among the domains they may use, and what is required holds.
func TestAnswersHold(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 7))
	fitting := 0
	for range 10_000 {
		p := randomProblem(rng)
		a := place.Solve(p)
		if a.Fits() {
			fitting++
		}
		free, seated, zones := make([][]int64, len(p.Nodes)), make([]int, len(p.Groups)), map[int32]bool{}
		for n := range free {
			free[n] = slices.Clone(p.Nodes[n].Free)
		}
		for _, take := range a.Takes {
			seated[take.Group] += take.Count
			zones[p.Nodes[take.Node].Path[0]] = true
			if take.Count < 1 || p.Groups[take.Group].Bars[take.Node] {
				t.Fatalf("%+v: take %+v", p, take)
			}
			for r, size := range p.Groups[take.Group].Size {
				if free[take.Node][r] -= size * int64(take.Count); size > 0 && free[take.Node][r] < 0 {
					t.Fatalf("%+v: node %d gives more than it has: %+v", p, take.Node, a.Takes)
				}
			}
		}
		for g, n := range seated {
			if n+a.Missing[g] != p.Groups[g].Count {
				t.Fatalf("%+v: %d of group %d are seated, %d missing", p, n, g, a.Missing[g])
			}
			if a.Missing[g] > 0 && !p.Within && hasRoom(p, free, g) {
				t.Fatalf("%+v: group %d has members missing, and room", p, g)
			}
		}
		if p.Within && len(zones) > 1 {
			t.Fatalf("%+v: in %d zones", p, len(zones))
		}
	}
	t.Logf("%d of 10000 problems fit", fitting)
}

func hasRoom(p *place.Problem, free [][]int64, g int) bool {
	for n := range free {
		fits := !p.Groups[g].Bars[n]
		for r, size := range p.Groups[g].Size {
			fits = fits && (size == 0 || free[n][r] >= size)
		}
		if fits {
			return true
		}
	}
	return false
}

func randomProblem(rng *rand.Rand) *place.Problem {
	p := &place.Problem{Within: rng.IntN(2) == 0}
	p.Nodes, p.Levels = randomTree(rng, rng.IntN(2) == 0)
	for n := range p.Nodes {
		p.Nodes[n].Free = []int64{rng.Int64N(9) - 1, rng.Int64N(9)}
		p.Nodes[n].Class = rng.IntN(2)
	}
	for range 1 + rng.IntN(3) {
		g := place.Group{Count: 1 + rng.IntN(9), Size: []int64{1 + rng.Int64N(3), rng.Int64N(3)}, Bars: make([]bool, len(p.Nodes))}
		for n := range g.Bars {
			g.Bars[n] = rng.IntN(5) == 0
		}
		p.Groups = append(p.Groups, g)
	}
	return p
}

// BenchmarkSolve has a cluster of 5,000 nodes in 3 zones, racks of 16 and hosts.
func BenchmarkSolve(b *testing.B) {
	p := &place.Problem{Levels: 3}
	for n := range 5000 {
		p.Nodes = append(p.Nodes, place.Node{
			Free: []int64{int64(n % 17), 32, 110},
			Path: []int32{int32(n % 3), 3 + int32(n%3)*200 + int32(n/48), 1000 + int32(n)},
		})
	}
	for name, count := range map[string]int{"8": 8, "512": 512, "5000": 5000} {
		b.Run(name, func(b *testing.B) {
			p.Groups = []place.Group{{Count: count, Size: []int64{4, 1, 1}}}
			for b.Loop() {
				place.Solve(p)
			}
		})
	}
}
