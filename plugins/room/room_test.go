// SPDX-License-Identifier: Apache-2.0

package room

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// in returns the time so many minutes after the start.
func in(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }

// node returns a node of one domain with so much of one resource free.
func node(free int64, pods ...Pod) Node { return Node{Free: []int64{free}, Pods: pods} }

// pod returns a pod that uses so much and ends in so many minutes; nobody knows when, if that is 0.
func pod(id string, uses int64, minutes int) Pod {
	p := Pod{ID: id, Uses: []int64{uses}}
	if minutes != 0 {
		p.Ends = in(minutes)
	}
	return p
}

func members(count int, uses ...int64) []Group { return []Group{{Count: count, Uses: uses}} }

func at(domain string, n Node) Node {
	n.Domain = domain
	return n
}

func TestFind(t *testing.T) {
	t.Parallel()
	held := node(0, pod("b", 4, 10))
	held.Held = true
	shut := node(9)
	shut.May = []bool{false}
	cases := map[string]struct {
		gang   []Group
		nodes  []Node
		want   Plan
		wantNo bool
	}{
		"it fits when the earliest have ended": {
			members(2, 4),
			[]Node{node(0, pod("a", 4, 30)), node(0, pod("b", 4, 10)), node(0, pod("c", 4, 20))},
			Plan{At: in(20), Rooms: []Room{{1, []int{1}, []string{"b"}}, {2, []int{1}, []string{"c"}}}},
			false,
		},
		"what is free now is used": {
			members(2, 4),
			[]Node{node(0, pod("a", 4, 30)), node(5)},
			Plan{At: in(30), Rooms: []Room{{0, []int{1}, []string{"a"}}, {1, []int{1}, nil}}},
			false,
		},
		"of what ends by then few are waited for": {
			members(2, 4),
			[]Node{node(0, pod("a", 2, 10), pod("b", 2, 10)), node(0, pod("c", 8, 20)), node(0, pod("d", 4, 20))},
			Plan{At: in(20), Rooms: []Room{{1, []int{2}, []string{"c"}}}},
			false,
		},
		"of equals the sooner": {
			members(2, 4),
			[]Node{node(4), node(0, pod("a", 4, 20)), node(0, pod("b", 4, 10)), node(0, pod("c", 4, 10))},
			Plan{At: in(10), Rooms: []Room{{0, []int{1}, nil}, {2, []int{1}, []string{"b"}}}},
			false,
		},
		"of equals where room is kept": {
			members(2, 4),
			[]Node{node(4), node(0, pod("a", 4, 10)), held},
			Plan{At: in(10), Rooms: []Room{{0, []int{1}, nil}, {2, []int{1}, []string{"b"}}}},
			false,
		},
		"what nobody knows the end of is waited for last": {
			members(1, 4),
			[]Node{node(0, pod("a", 4, 0)), node(0, pod("b", 4, 90))},
			Plan{At: in(90), Rooms: []Room{{1, []int{1}, []string{"b"}}}},
			false,
		},
		"and then nobody knows when": {
			members(2, 4),
			[]Node{node(1, pod("a", 4, 0)), node(4)},
			Plan{Rooms: []Room{{0, []int{1}, []string{"a"}}, {1, []int{1}, nil}}},
			false,
		},
		"what is overdue is about to go": {
			members(1, 4),
			[]Node{node(0, pod("a", 4, -5))},
			Plan{At: start, Rooms: []Room{{0, []int{1}, []string{"a"}}}},
			false,
		},
		"a gang larger than all nodes never fits":   {members(3, 4), []Node{node(7), node(3, pod("a", 1, 10))}, Plan{}, true},
		"a node that it may not use does not count": {members(1, 4), []Node{shut}, Plan{}, true},
		"all of it is in one domain": {
			members(2, 4),
			[]Node{at("x", node(4)), at("y", node(4)), at("y", node(0, pod("a", 4, 20))), at("x", node(0, pod("b", 4, 30)))},
			Plan{At: in(20), Rooms: []Room{{1, []int{1}, nil}, {2, []int{1}, []string{"a"}}}},
			false,
		},
		"of two domains the one where fewer end": {
			members(2, 4),
			[]Node{at("x", node(0, pod("a", 4, 20), pod("b", 4, 20))), at("y", node(4, pod("c", 4, 20)))},
			Plan{At: in(20), Rooms: []Room{{1, []int{2}, []string{"c"}}}},
			false,
		},
		"the large ones first": {
			[]Group{{2, []int64{1}}, {1, []int64{4}}},
			[]Node{node(4), node(0, pod("a", 2, 10))},
			Plan{At: in(10), Rooms: []Room{{0, []int{0, 1}, nil}, {1, []int{2, 0}, []string{"a"}}}},
			false,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := Find(tc.gang, tc.nodes, start)
			if ok == tc.wantNo {
				t.Fatalf("found %v", ok)
			}
			got.At = got.At.UTC()
			if tc.want.At.IsZero() {
				got.At = tc.want.At
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// BenchmarkFind is one search over 5,000 nodes with 30 pods each, for a gang that needs a tenth of the nodes.
func BenchmarkFind(b *testing.B) {
	nodes := make([]Node, 5000)
	for i := range nodes {
		nodes[i] = Node{Free: []int64{2, 4}}
		for j := range 30 {
			p := Pod{ID: strconv.Itoa(30*i + j), Uses: []int64{1, 2}}
			if (i+j)%3 > 0 {
				p.Ends = in(1 + (i*37+j*11)%600)
			}
			nodes[i].Pods = append(nodes[i].Pods, p)
		}
	}
	for b.Loop() {
		if _, ok := Find(members(500, 16, 32), nodes, start); !ok {
			b.Fatal("it never fits")
		}
	}
}
