// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const gib = 1 << 30

// vec is c CPUs and m GiB for one pod.
func vec(c, m int64) Vector { return Vector{CPUMillis: c * 1000, Memory: m * gib, Pods: 1} }

// node is what is free on a node of c CPUs and m GiB.
func node(c, m int64) Vector { return Vector{CPUMillis: c * 1000, Memory: m * gib, Pods: 100} }

// problem has one environment with nodes of 4 and 16 vCPUs, priced alike per vCPU, and everything fits everywhere.
func problem(maxVCPUs int, demands ...Demand) Problem {
	return Problem{
		Offers: []Offer{
			{Class: 10, Group: "small", Fresh: node(4, 8), VCPUs: 4},
			{Class: 11, Group: "large", Fresh: node(16, 32), VCPUs: 16},
		},
		Budgets: []Budget{{Max: maxVCPUs, Stretch: true}},
		Demands: demands,
		Fits:    func(*Part, int) bool { return true },
		FitsBin: func(*Part, int) bool { return true },
		Score: func(offer, nodes int, helped Vector) float64 {
			return float64(nodes*[]int{4, 16}[offer]) / float64(helped.CPUMillis)
		},
	}
}

func loose(key string, count int, r Vector) Demand {
	return Demand{Parts: []Part{{Key: key, Count: count, Request: r}}}
}

func gang(count int, r Vector) Demand {
	d := loose("g", count, r)
	d.Whole = true
	return d
}

func TestSolve(t *testing.T) {
	t.Parallel()
	type nodes map[string]int
	type left map[string]Why
	cases := map[string]struct {
		give     Problem
		bins     []Bin
		holds    []Hold
		adjust   func(*Problem)
		want     nodes
		wantLeft left
	}{
		"nothing wanted, nothing bought":    {give: problem(100)},
		"one small pod gets one small node": {give: problem(100, loose("a", 1, vec(1, 1))), want: nodes{"small": 1}},
		"pods fill nodes by their scarcest": {give: problem(100, loose("a", 4, vec(1, 8))), want: nodes{"small": 4}},
		"existing room is used before any is bought": {
			give: problem(100, loose("a", 5, vec(1, 1))), bins: []Bin{{Free: node(4, 8)}}, want: nodes{"small": 1},
		},
		"maxvCpus is never exceeded": {
			give: problem(8, loose("a", 100, vec(1, 1))), want: nodes{"small": 2}, wantLeft: left{"a": NoRoom},
		},
		"one instance beyond maxvCpus where none within could ever hold the pod": {
			give: problem(8, loose("a", 3, vec(12, 1))), want: nodes{"large": 1}, wantLeft: left{"a": NoRoom},
		},
		"but not with BEST_FIT": {
			give: problem(8, loose("a", 1, vec(12, 1))), adjust: func(p *Problem) { p.Budgets[0].Stretch = false }, wantLeft: left{"a": NoRoom},
		},
		"nor for pods that a smaller instance could hold": {
			give: problem(8, loose("a", 9, vec(1, 1))), want: nodes{"small": 2}, wantLeft: left{"a": NoRoom},
		},
		"nor beyond a budget that is spent": {
			give: problem(8, loose("a", 1, vec(12, 1))), adjust: func(p *Problem) { p.Budgets[0].Used = 8 }, wantLeft: left{"a": NoRoom},
		},
		"a pod larger than every type can never run": {
			give: problem(100, loose("a", 2, vec(17, 1))), wantLeft: left{"a": NoType},
		},
		"a closed offer is not bought but may be later": {
			give:     problem(100, loose("a", 1, vec(12, 1))),
			adjust:   func(p *Problem) { p.Offers[1].Closed = true },
			wantLeft: left{"a": Closed},
		},
		"when one offer is closed the next one serves": {
			give:   problem(100, loose("a", 1, vec(1, 1))),
			adjust: func(p *Problem) { p.Offers[0].Closed = true },
			want:   nodes{"large": 1},
		},
		"a gang that fits is bought at once": {give: problem(100, gang(8, vec(1, 1))), want: nodes{"small": 2}},
		"a gang that cannot be completed costs nothing": {
			give: problem(8, gang(3, vec(3, 1))), wantLeft: left{"g": TooWide},
		},
		"a gang waits for vCPUs that others have": {
			give: problem(12, gang(3, vec(3, 1))), adjust: func(p *Problem) { p.Budgets[0].Used = 4 }, wantLeft: left{"g": NoRoom},
		},
		"a gang takes the room there is and buys the rest": {
			give: problem(100, gang(3, vec(4, 1))), bins: []Bin{{Free: node(8, 8)}}, want: nodes{"small": 1},
		},
		"but not gaps between others, which may be gone by then": {
			give: problem(100, gang(3, vec(4, 1))), bins: []Bin{{Free: node(8, 8), Shared: true}}, want: nodes{"small": 3},
		},
		"if it can do without": {
			give: problem(4, gang(3, vec(4, 1))), bins: []Bin{{Free: node(8, 8), Shared: true}}, want: nodes{"small": 1},
		},
		"a gang that can start now takes gaps, too": {
			give: problem(100, gang(2, vec(4, 1))), bins: []Bin{{Free: node(8, 8), Shared: true}},
		},
		"a gang that is refused leaves its room to others": {
			give: problem(4, gang(3, vec(4, 1)), loose("a", 4, vec(1, 1))), bins: []Bin{{Free: node(4, 8)}},
			wantLeft: left{"g": TooWide},
		},
		"a held node is not bought again": {
			give: problem(100, loose("a", 4, vec(1, 1))), bins: []Bin{{Name: "n", Free: node(4, 8)}},
			holds: []Hold{{Node: "n", Contents: []Content{{"a", 4}}}},
		},
		"a held node is not taken from its pods by others": {
			give: problem(100, loose("a", 1, vec(4, 1)), loose("b", 1, vec(4, 1))), bins: []Bin{{Name: "n", Free: node(4, 8)}},
			holds: []Hold{{Node: "n", Contents: []Content{{"b", 1}}}},
			want:  nodes{"small": 1},
		},
		"pods that mind their neighbours get a node each": {
			give: problem(100, loose("a", 3, vec(1, 1))), adjust: func(p *Problem) { p.Demands[0].Parts[0].Alone = true },
			want: nodes{"small": 3},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := tc.give
			p.Bins, p.Holds = tc.bins, tc.holds
			if tc.adjust != nil {
				tc.adjust(&p)
			}
			got := Solve(p)
			var bought nodes
			for _, b := range got.Purchases {
				if bought == nil {
					bought = nodes{}
				}
				bought[p.Offers[b.Offer].Group] += b.Nodes
			}
			var missing left
			for _, l := range got.Left {
				if missing == nil {
					missing = left{}
				}
				missing[p.Demands[l.Demand].Parts[l.Part].Key] = l.Why
			}
			if diff := cmp.Diff(tc.want, bought); diff != "" {
				t.Errorf("nodes mismatch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantLeft, missing); diff != "" {
				t.Errorf("leftovers mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPurchaseSaysForWhom(t *testing.T) {
	t.Parallel()
	got := Solve(problem(100, loose("a", 3, vec(2, 1)), loose("b", 2, vec(1, 1))))
	want := []Purchase{{Offer: 0, Nodes: 2, Contents: []Content{{"a", 3}, {"b", 2}}}}
	if diff := cmp.Diff(want, got.Purchases); diff != "" {
		t.Errorf("purchases mismatch (-want +got):\n%s", diff)
	}
	wantHolds := []Hold{
		{Bought: 1, Contents: []Content{{"a", 2}}},
		{Bought: 1, Contents: []Content{{"a", 1}, {"b", 2}}},
	}
	if diff := cmp.Diff(wantHolds, got.Holds); diff != "" {
		t.Errorf("holds mismatch (-want +got):\n%s", diff)
	}
}

func TestHoldEndsWithItsPods(t *testing.T) {
	t.Parallel()
	p := problem(100)
	p.Bins = []Bin{{Name: "n", Free: node(0, 8)}}
	p.Holds = []Hold{{Node: "n", Contents: []Content{{"a", 4}}}}
	if got := Solve(p); len(got.Holds) != 0 {
		t.Errorf("holds = %+v, want none", got.Holds)
	}
}

func TestCover(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		floor     int
		budget    Budget
		wantGroup string
		wantNodes int
	}{
		"nothing missing":                      {floor: 4, budget: Budget{Max: 100, Used: 4}},
		"a floor below one instance takes one": {floor: 1, budget: Budget{Max: 100}, wantGroup: "small", wantNodes: 1},
		"fewest nodes among equals":            {floor: 16, budget: Budget{Max: 100}, wantGroup: "large", wantNodes: 1},
		"cheapest cover, not the largest node": {floor: 20, budget: Budget{Max: 100}, wantGroup: "small", wantNodes: 5},
		"never above max":                      {floor: 16, budget: Budget{Max: 15}, wantGroup: "small", wantNodes: 3},
		"what is there counts":                 {floor: 16, budget: Budget{Max: 100, Used: 12}, wantGroup: "small", wantNodes: 1},
		"no type within max, one beyond it":    {floor: 1, budget: Budget{Max: 2, Stretch: true}, wantGroup: "small", wantNodes: 1},
		"unless the strategy forbids it":       {floor: 1, budget: Budget{Max: 2}},
	}
	offers := problem(0).Offers
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, nodes := Cover(tc.floor, tc.budget, offers, func(i int) float64 { return float64(offers[i].VCPUs) })
			group := ""
			if nodes > 0 {
				group = offers[o].Group
			}
			if group != tc.wantGroup || nodes != tc.wantNodes {
				t.Errorf("Cover = %d of %q, want %d of %q", nodes, group, tc.wantNodes, tc.wantGroup)
			}
		})
	}
}
