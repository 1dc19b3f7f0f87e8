// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHoldsFindTheirNodesInAnyOrder holds nodes for gangs and for one more pod: in whatever order holds and nodes come, each is
// given what it was promised, and nothing is bought twice.
func TestHoldsFindTheirNodesInAnyOrder(t *testing.T) {
	t.Parallel()
	coming := func(name string) Bin {
		return Bin{Name: name, Class: 10, Group: "small", Free: node(4, 8), Coming: true}
	}
	single := Demand{Parts: []Part{{Key: "single", Count: 1, Request: vec(4, 1)}}}
	cases := map[string]struct {
		bins    []Bin
		holds   []Hold
		demands []Demand
		buys    int // nodes
	}{
		"a promise on a node that others are on": {
			bins: []Bin{{Name: "old", Class: 10, Group: "small", Free: node(2, 4), Shared: true}, coming("b"), coming("c")},
			holds: []Hold{
				{Node: "old", Contents: []Content{{"gang", 1}}},
				{Node: "b", Contents: []Content{{"gang", 4}}},
				{Node: "c", Contents: []Content{{"single", 1}}},
			},
			demands: []Demand{{Whole: true, Parts: []Part{{Key: "gang", Count: 5, Request: vec(1, 1)}}}, single},
		},
		"a node that has come, and has pods of another gang already": {
			bins: []Bin{{Name: "new", Class: 10, Group: "small", Free: node(2, 4), Shared: true}, coming("b")},
			holds: []Hold{
				{Node: "new", Contents: []Content{{"started", 2}, {"gang", 2}}},
				{Node: "b", Contents: []Content{{"single", 1}}},
			},
			demands: []Demand{{Whole: true, Parts: []Part{{Key: "gang", Count: 2, Request: vec(1, 1)}}}, single},
		},
		"a node that came for one pod while a gang's launch failed": {
			bins: []Bin{coming("c")},
			holds: []Hold{
				{Node: "a", Contents: []Content{{"failed", 1}}},
				{Node: "b", Contents: []Content{{"failed", 1}}},
				{Node: "c", Contents: []Content{{"single", 1}}},
			},
			demands: []Demand{{Whole: true, Parts: []Part{{Key: "failed", Count: 2, Request: vec(4, 1)}}}, single},
			buys:    2,
		},
		"a node that has come, on which another pod was quicker": {
			bins:    []Bin{{Name: "new", Class: 10, Group: "small", Free: node(3, 7), Shared: true}},
			holds:   []Hold{{Node: "new", Contents: []Content{{"gang", 3}}}},
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

func TestWhatIsPromised(t *testing.T) {
	t.Parallel()
	pod := Demand{Parts: []Part{{Key: "pod", Count: 1, Request: vec(1, 1)}}}
	gang := Demand{Whole: true, Parts: []Part{{Key: "gang", Count: 2, Request: vec(4, 1)}}}
	empty := Bin{Name: "n", Class: 10, Group: "small", Free: node(4, 8)}
	cases := map[string]struct {
		bin    Bin
		holds  []Hold
		demand Demand
		want   []Hold
	}{
		"a node stays with the pod that it was promised": {
			bin: empty, holds: []Hold{{Node: "n", Contents: []Content{{"pod", 1}}}}, demand: pod,
			want: []Hold{{Node: "n", Contents: []Content{{"pod", 1}}}},
		},
		"a pod that has room now needs no promise": {bin: empty, demand: pod},
		"a gang that waits for a node keeps the one that is there": {
			bin: empty, demand: gang,
			want: []Hold{{Node: "n", Contents: []Content{{"gang", 1}}}, {Bought: 1, Contents: []Content{{"gang", 1}}}},
		},
		"a gang that has room now needs no promise": {bin: empty, demand: Demand{Whole: true, Parts: []Part{{Key: "gang", Count: 1, Request: vec(4, 1)}}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := problem(100, tc.demand)
			p.Bins, p.Holds = []Bin{tc.bin}, tc.holds
			if diff := cmp.Diff(tc.want, Solve(p).Holds); diff != "" {
				t.Errorf("holds mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHoldOfWhichLittleIsKnown holds nodes for a gang of which only that is known: they take as much of it as fits, and nobody
// before it in the order has them.
func TestHoldOfWhichLittleIsKnown(t *testing.T) {
	t.Parallel()
	large := Part{Key: "large", Count: 1, Request: vec(12, 1)}
	small := Part{Key: "small", Count: 2, Request: vec(3, 1)}
	first := Demand{Whole: true, Parts: []Part{{Key: "first", Count: 1, Request: vec(12, 1)}}}
	p := problem(100, first, Demand{Whole: true, Parts: []Part{small, large}})
	p.Bins = []Bin{
		{Name: "a", Class: 11, Group: "large", Free: node(16, 32)},
		{Name: "b", Class: 10, Group: "small", Free: node(4, 8)},
	}
	p.Holds = []Hold{p.HoldFor(1, "a"), p.HoldFor(1, "b"), p.HoldFor(1, "gone")}
	want := []Hold{
		{Node: "a", Contents: []Content{{"large", 1}, {"small", 1}}},
		{Node: "b", Contents: []Content{{"small", 1}}},
		{Bought: 1, Contents: []Content{{"first", 1}}},
	}
	got := Solve(p)
	if diff := cmp.Diff(want, got.Holds); diff != "" {
		t.Errorf("holds mismatch (-want +got):\n%s", diff)
	}
	if len(got.Purchases) != 1 || len(got.Left) > 0 {
		t.Errorf("bought %+v, left %+v", got.Purchases, got.Left)
	}
}

// A gang of whose nodes only some are held, as when a leader died while it wrote for whom they are, keeps the others too.
func TestAGangThatWasPromisedANodeKeepsAllItsNodes(t *testing.T) {
	t.Parallel()
	p := problem(100, Demand{Whole: true, Parts: []Part{{Key: "gang", Count: 2, Request: vec(4, 1)}}})
	p.Bins = []Bin{
		{Name: "a", Class: 10, Group: "small", Free: node(4, 8)},
		{Name: "b", Class: 10, Group: "small", Free: node(4, 8)},
		{Name: "c", Class: 10, Group: "small", Free: node(4, 8)},
	}
	p.Holds = []Hold{p.HoldFor(0, "b")}
	want := []Hold{{Node: "a", Contents: []Content{{"gang", 1}}}, {Node: "b", Contents: []Content{{"gang", 1}}}}
	if diff := cmp.Diff(want, Solve(p).Holds); diff != "" {
		t.Errorf("holds mismatch (-want +got):\n%s", diff)
	}
}
