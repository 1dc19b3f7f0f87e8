// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"fmt"
	"testing"
)

func TestAGangUnderOneValueOfALabel(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		domains  []string // of nodes of 4 CPUs; empty for one that is not known yet
		count    int      // members of 4 CPUs
		together bool     // whether a launch can be in one domain
		held     int      // nodes that the gang was promised
		want     int      // small nodes bought
		wantLeft bool
	}{
		"is placed where one value has room":               {domains: []string{"a", "b", "b"}, count: 2},
		"is bought for in one launch":                      {domains: []string{"a", "b"}, count: 2, together: true, want: 2},
		"is not bought for where nodes may come anywhere":  {domains: []string{"a", "b"}, count: 2, wantLeft: true},
		"may be anywhere with a single node":               {count: 1, want: 1},
		"waits for what is on its way":                     {domains: []string{"", ""}, count: 2, held: 2},
		"does not count on others' nodes without a value":  {domains: []string{"", ""}, count: 2, wantLeft: true},
		"is not completed by nodes that may come anywhere": {domains: []string{""}, count: 2, together: true, held: 1, wantLeft: true},
		"is completed where it has nodes":                  {domains: []string{"b", "a", "b"}, count: 2, held: 1},
		"is not completed elsewhere":                       {domains: []string{"b", "a"}, count: 2, held: 1, wantLeft: true},
		"is not completed while nobody knows where it is":  {domains: []string{"", "a"}, count: 2, held: 1, wantLeft: true},
		"does not wait for a start in two places":          {domains: []string{"a", "b", "b"}, count: 2, held: 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := problem(100, gang(tc.count, vec(4, 1)))
			p.Demands[0].Topology = "zone"
			p.Offers = p.Offers[:1]
			for i := range tc.domains {
				name := fmt.Sprint("node-", i)
				if i < tc.held {
					p.Holds = append(p.Holds, Hold{Node: name, Contents: []Content{{"g", 1}}})
				}
				p.Bins = append(p.Bins, Bin{Name: name, Class: 10, Group: "small", Free: node(4, 8)})
			}
			p.Domain = func(_ string, bin int) string { return tc.domains[bin] }
			p.Together = func(string, int) bool { return tc.together }
			got, bought := Solve(p), 0
			for _, b := range got.Purchases {
				bought += b.Nodes
			}
			if bought != tc.want || (len(got.Left) > 0) != tc.wantLeft {
				t.Errorf("bought %d, want %d; left %+v", bought, tc.want, got.Left)
			}
			under := map[string]bool{}
			for i := range got.Used {
				under[tc.domains[i]] = under[tc.domains[i]] || got.Used[i].Pods > 0
			}
			if under["a"] && under["b"] {
				t.Errorf("placed under both values: %+v", got.Used)
			}
		})
	}
}
