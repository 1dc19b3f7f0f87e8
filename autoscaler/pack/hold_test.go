// SPDX-License-Identifier: Apache-2.0

package pack

import "testing"

// TestHoldsFindTheirNodesInAnyOrder holds nodes for gangs and for one more pod: in whatever order holds and nodes come, everything has a place and nothing is bought twice.
func TestHoldsFindTheirNodesInAnyOrder(t *testing.T) {
	t.Parallel()
	fresh := Bin{Class: 10, Group: "small", Free: node(4, 8), Coming: true}
	cases := map[string]struct {
		bins    []Bin
		holds   []Hold
		demands []Demand
		buys    int // nodes
	}{
		"a promise on a node that others are on": {
			bins: []Bin{{Name: "old", Class: 10, Group: "small", Free: node(2, 4), Shared: true}, fresh, fresh},
			holds: []Hold{
				{Group: "small", Node: "old", Nodes: 1, Contents: []Content{{"gang", 1}}},
				{Group: "small", Nodes: 1, Contents: []Content{{"gang", 4}}},
				{Group: "small", Nodes: 1, Contents: []Content{{"single", 1}}},
			},
			demands: []Demand{
				{Whole: true, Parts: []Part{{Key: "gang", Count: 5, Request: vec(1, 1)}}},
				{Parts: []Part{{Key: "single", Count: 1, Request: vec(4, 1)}}},
			},
		},
		"a node that has come, and has pods of another gang already": {
			bins: []Bin{{Name: "new", Class: 10, Group: "small", Free: node(2, 4), Shared: true}, fresh},
			holds: []Hold{
				{Group: "small", Nodes: 1, Contents: []Content{{"started", 2}, {"gang", 2}}},
				{Group: "small", Nodes: 1, Contents: []Content{{"single", 1}}},
			},
			demands: []Demand{
				{Whole: true, Parts: []Part{{Key: "gang", Count: 2, Request: vec(1, 1)}}},
				{Parts: []Part{{Key: "single", Count: 1, Request: vec(4, 1)}}},
			},
		},
		"a node that came for one pod while a gang's launch failed": {
			bins: []Bin{fresh},
			holds: []Hold{
				{Group: "small", Nodes: 2, Contents: []Content{{"failed", 1}}},
				{Group: "small", Nodes: 1, Contents: []Content{{"single", 1}}},
			},
			demands: []Demand{
				{Whole: true, Parts: []Part{{Key: "failed", Count: 2, Request: vec(4, 1)}}},
				{Parts: []Part{{Key: "single", Count: 1, Request: vec(4, 1)}}},
			},
			buys: 2,
		},
		"a node that has come, on which another pod was quicker": {
			bins: []Bin{{Name: "new", Class: 10, Group: "small", Free: node(3, 7), Shared: true}},
			holds: []Hold{
				{Group: "small", Nodes: 1, Contents: []Content{{"gang", 3}}},
			},
			demands: []Demand{{Whole: true, Parts: []Part{{Key: "gang", Count: 3, Request: vec(1, 1)}}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for turn := range len(tc.bins) {
				for first := range len(tc.holds) {
					p := problem(100, tc.demands...)
					p.Bins = append(append([]Bin{}, tc.bins[turn:]...), tc.bins[:turn]...)
					p.Holds = append(append([]Hold{}, tc.holds[first:]...), tc.holds[:first]...)
					got, bought := Solve(p), 0
					for _, purchase := range got.Purchases {
						bought += purchase.Nodes
					}
					if bought != tc.buys || len(got.Left) > 0 {
						t.Errorf("from node %d and hold %d: bought %+v, left %+v", turn, first, got.Purchases, got.Left)
					}
				}
			}
		})
	}
}

func TestAHoldOnANodeThatExistsNamesIt(t *testing.T) {
	t.Parallel()
	p := problem(100, Demand{Parts: []Part{{Key: "a", Count: 1, Request: vec(1, 1)}}})
	p.Bins = []Bin{{Name: "n", Class: 10, Group: "small", Free: node(4, 8)}}
	p.Holds = []Hold{{Group: "small", Nodes: 1, Contents: []Content{{"a", 1}}}}
	if got := Solve(p).Holds; len(got) != 1 || got[0].Node != "n" {
		t.Errorf("holds = %+v, want one of node n", got)
	}
}
