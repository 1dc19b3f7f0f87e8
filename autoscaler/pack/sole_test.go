// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// soleProblem has two types on offer, of 2 and 32 vCPUs, each node for one pod.
func soleProblem(most int, bins []Bin, demands ...Demand) Problem {
	offer := func(class int, group string, vcpus int) Offer {
		return Offer{Class: class, Group: group, VCPUs: vcpus, Fresh: Vector{CPUMillis: int64(vcpus)*1000 - 100, Memory: 1 << 40, Pods: 1}}
	}
	p := Problem{
		Bins: bins, Offers: []Offer{offer(0, "small", 2), offer(1, "large", 32)},
		Budgets: []Budget{{Max: most, Sole: true}}, Demands: demands,
		Fits:    func(*Part, int) bool { return true },
		FitsBin: func(*Part, int) bool { return true },
	}
	p.Score = func(o, nodes int, helped Vector) float64 {
		return float64(nodes*p.Offers[o].VCPUs) / float64(helped.CPUMillis+helped.Pods)
	}
	return p
}

func solePart(key string, milli int64, count int) Part {
	return Part{Key: key, Request: Vector{CPUMillis: milli, Memory: 1 << 20, Pods: 1}, Count: count}
}

func TestSolePodsGetTheSmallestNodeEach(t *testing.T) {
	t.Parallel()
	free := Bin{Group: "small", Free: Vector{CPUMillis: 1900, Memory: 1 << 40, Pods: 1}}
	cases := map[string]struct {
		most    int
		used    int
		bins    []Bin
		demand  Demand
		want    map[string]int // nodes bought of each group
		wantWhy []Why
	}{
		"a small pod does not get a large node for a large one's sake": {
			most: 64_000, demand: Demand{Parts: []Part{solePart("a", 16_000, 1), solePart("b", 250, 3)}}, want: map[string]int{"large": 1, "small": 3},
		},
		"what pods ask for counts, not what nodes have": {
			most: 1000, demand: Demand{Parts: []Part{solePart("a", 250, 5)}}, want: map[string]int{"small": 4}, wantWhy: []Why{NoRoom},
		},
		"and what runs counts": {
			most: 1000, used: 750, demand: Demand{Parts: []Part{solePart("a", 250, 5)}}, want: map[string]int{"small": 1}, wantWhy: []Why{NoRoom},
		},
		"a free node is used, and counts": {
			most: 1000, bins: []Bin{free}, demand: Demand{Parts: []Part{solePart("a", 500, 3)}}, want: map[string]int{"small": 1}, wantWhy: []Why{NoRoom},
		},
		"a pod of almost nothing counts as the least size": {
			most: 1000, demand: Demand{Parts: []Part{solePart("a", 1, 5)}}, want: map[string]int{"small": 4}, wantWhy: []Why{NoRoom},
		},
		"a pod that may never be": {most: 1000, demand: Demand{Parts: []Part{solePart("a", 2000, 1)}}, want: map[string]int{}, wantWhy: []Why{TooWide}},
		"a gang gets all its nodes": {
			most: 2000, demand: Demand{Whole: true, Parts: []Part{solePart("a", 500, 2), solePart("b", 1000, 1)}}, want: map[string]int{"small": 3},
		},
		"or none": {
			most: 1500, demand: Demand{Whole: true, Parts: []Part{solePart("a", 500, 2), solePart("b", 1000, 1)}},
			want: map[string]int{}, wantWhy: []Why{TooWide, TooWide},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := soleProblem(tc.most, tc.bins, tc.demand)
			p.Budgets[0].Used = tc.used
			s := Solve(p)
			got := map[string]int{}
			for _, purchase := range s.Purchases {
				got[p.Offers[purchase.Offer].Group] += purchase.Nodes
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("purchases mismatch (-want +got):\n%s", diff)
			}
			var why []Why
			for _, l := range s.Left {
				why = append(why, l.Why)
			}
			if diff := cmp.Diff(tc.wantWhy, why); diff != "" {
				t.Errorf("leftovers mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSoleBudgetsHold(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		size := map[string]int64{}
		var demands []Demand
		for d := range 1 + rng.IntN(5) {
			demand := Demand{Whole: rng.IntN(3) == 0}
			for i := range 1 + rng.IntN(3) {
				part := solePart(fmt.Sprint(d, "/", i), int64(250<<rng.IntN(7)), 1+rng.IntN(4))
				size[part.Key] = part.Request.CPUMillis
				demand.Parts = append(demand.Parts, part)
			}
			demands = append(demands, demand)
		}
		var bins []Bin
		for range rng.IntN(4) {
			bins = append(bins, Bin{Group: "small", Free: Vector{CPUMillis: 1900, Memory: 1 << 40, Pods: 1}})
		}
		p := soleProblem(1000*rng.IntN(40), bins, demands...)
		s := Solve(p)
		asked := int64(0)
		for _, v := range s.Used {
			asked += v.CPUMillis
			if v.Pods > 1 {
				t.Fatalf("seed %d: %d pods on a node", seed, v.Pods)
			}
		}
		for _, purchase := range s.Purchases {
			pods := 0
			for _, c := range purchase.Contents {
				pods += c.Count
				asked += size[c.Key] * int64(c.Count)
			}
			if pods != purchase.Nodes {
				t.Fatalf("seed %d: %d nodes for %d pods", seed, purchase.Nodes, pods)
			}
		}
		if asked > int64(p.Budgets[0].Max) {
			t.Fatalf("seed %d: pods of %d thousandths of a vCPU, %d are allowed", seed, asked, p.Budgets[0].Max)
		}
	}
}
