// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawProblem makes a cluster of two environments; pods of part "e<n>/…" run in environment n alone.
func drawProblem(t *rapid.T) Problem {
	const environments = 2
	p := Problem{
		Fits: func(part *Part, class int) bool { return int(part.Key[1]-'0') == class/100 },
		Score: func(_, nodes int, helped Vector) float64 {
			return float64(nodes) / float64(helped.CPUMillis+1)
		},
	}
	p.FitsBin = func(part *Part, bin int) bool { return p.Fits(part, p.Bins[bin].Class) }
	for e := range environments {
		p.Budgets = append(p.Budgets, Budget{
			Max:     rapid.IntRange(0, 64).Draw(t, "max"),
			Stretch: rapid.Bool().Draw(t, "stretch"),
		})
		for o := range rapid.IntRange(0, 3).Draw(t, "offers") {
			vcpus := rapid.SampledFrom([]int{1, 2, 4, 8, 16}).Draw(t, "vcpus")
			p.Offers = append(p.Offers, Offer{
				Class: 100*e + o, Group: fmt.Sprintf("%d-%d", e, o), Budget: e, VCPUs: vcpus,
				Fresh: node(int64(vcpus), rapid.Int64Range(1, 64).Draw(t, "memory")), Closed: rapid.IntRange(0, 9).Draw(t, "closed") == 0,
			})
		}
		for b := range rapid.IntRange(0, 4).Draw(t, "bins") {
			p.Bins = append(p.Bins, Bin{Class: 100*e + 50 + b, Group: "old", Name: fmt.Sprint(e, "-", b), Free: node(rapid.Int64Range(0, 16).Draw(t, "free"), 32)})
		}
	}
	for d := range rapid.IntRange(0, 8).Draw(t, "demands") {
		demand := Demand{Whole: rapid.Bool().Draw(t, "whole")}
		e := rapid.IntRange(0, environments-1).Draw(t, "environment")
		for i := range rapid.IntRange(1, 2).Draw(t, "parts") {
			demand.Parts = append(demand.Parts, Part{
				Key:     fmt.Sprintf("e%d/%d/%d", e, d, i),
				Count:   rapid.IntRange(1, 20).Draw(t, "count"),
				Request: vec(rapid.Int64Range(1, 10).Draw(t, "cpu"), rapid.Int64Range(1, 16).Draw(t, "gib")),
				Alone:   rapid.IntRange(0, 4).Draw(t, "alone") == 0,
			})
		}
		p.Demands = append(p.Demands, demand)
	}
	return p
}

func TestMaxvCpusIsNeverExceeded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		used := make([]int, len(p.Budgets))
		for _, b := range Solve(p).Purchases {
			o := p.Offers[b.Offer]
			if o.Closed {
				t.Fatalf("bought from closed offer %+v", o)
			}
			before := used[o.Budget]
			used[o.Budget] += b.Nodes * o.VCPUs
			budget := p.Budgets[o.Budget]
			stretched := budget.Stretch && b.Nodes == 1 && o.VCPUs > budget.Max && before < budget.Max
			if used[o.Budget] > budget.Max && !stretched {
				t.Fatalf("%d vCPUs of %+v after buying %d of %+v", used[o.Budget], budget, b.Nodes, o)
			}
		}
	})
}

func TestNothingIsBoughtForAPartOfAGang(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		got := Solve(p)
		left := map[string]int{}
		for _, l := range got.Left {
			demand := p.Demands[l.Demand]
			if demand.Whole && l.Count != demand.Parts[l.Part].Count {
				t.Fatalf("%d of %d of a gang left out", l.Count, demand.Parts[l.Part].Count)
			}
			left[demand.Parts[l.Part].Key] = l.Count
		}
		for d, demand := range p.Demands {
			missing := 0
			for _, part := range demand.Parts {
				if left[part.Key] > 0 {
					missing++
				}
			}
			if demand.Whole && missing != 0 && missing != len(demand.Parts) {
				t.Fatalf("demand %d: %d of %d parts of a gang left out", d, missing, len(demand.Parts))
			}
		}
		for _, b := range got.Purchases {
			for _, c := range b.Contents {
				if b.Whole && left[c.Key] > 0 {
					t.Fatalf("bought %+v for a gang that cannot start", b)
				}
			}
		}
	})
}

func TestNothingIsBoughtWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		offers := p.Offers
		p.Offers = nil
		if len(Solve(p).Left) > 0 {
			t.Skip("there is not room for all")
		}
		p.Offers = offers
		if got := Solve(p); len(got.Purchases) > 0 && !sizesReorder(p) {
			t.Fatalf("bought %+v though everything had room", got.Purchases)
		}
	})
}

// sizesReorder reports whether sizes, which are relative to the offers, may have changed the order of a demand's parts.
func sizesReorder(p Problem) bool {
	for _, d := range p.Demands {
		if len(d.Parts) > 1 {
			return true
		}
	}
	return false
}

// TestLookingTwiceBuysOnce: once everything has been bought for, the nodes on their way are enough.
func TestLookingTwiceBuysOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		first := Solve(p)
		if len(first.Left) > 0 {
			t.Skip("not everything could be bought for")
		}
		// What is bought later comes after what must come first, at most once for each part.
		look := first
		for range 1 + parts(p) {
			if p, look = after(p, look), Solve(after(p, look)); len(look.Left) > 0 {
				t.Fatalf("bought %+v, then %+v, left %+v", first.Purchases, look.Purchases, look.Left)
			}
		}
		if len(look.Purchases) > 0 {
			t.Fatalf("bought %+v, and at last %+v", first.Purchases, look.Purchases)
		}
	})
}

// parts is how many parts all demands have.
func parts(p Problem) int {
	n := 0
	for _, d := range p.Demands {
		n += len(d.Parts)
	}
	return n
}

// after is the Problem of the next loop, when the bought nodes are on their way.
func after(p Problem, s Solution) Problem {
	p.Budgets, p.Bins = slices.Clone(p.Budgets), slices.Clone(p.Bins)
	names := map[int][]string{} // of the nodes of a purchase
	for i, b := range s.Purchases {
		if b.Later {
			continue
		}
		o := p.Offers[b.Offer]
		p.Budgets[o.Budget].Used += b.Nodes * o.VCPUs
		for range b.Nodes {
			name := fmt.Sprint("node-", len(p.Bins))
			p.Bins = append(p.Bins, Bin{Name: name, Class: o.Class, Group: o.Group, Free: o.Fresh, Coming: true})
			names[i+1] = append(names[i+1], name)
		}
	}
	p.Holds = slices.Clone(s.Holds)
	for i := range p.Holds {
		if h := &p.Holds[i]; h.Bought > 0 {
			h.Node, names[h.Bought] = names[h.Bought][0], names[h.Bought][1:]
			h.Bought = 0
		}
	}
	p.FitsBin = func(part *Part, bin int) bool { return p.Fits(part, p.Bins[bin].Class) }
	return p
}

// TestNoNodeIsOverfilled: what is put on a node fits there.
func TestNoNodeIsOverfilled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		for i, used := range Solve(p).Used {
			free := p.Bins[i].Free.Plus(used, -1)
			if free.CPUMillis < 0 || free.Memory < 0 || free.Pods < 0 {
				t.Fatalf("node %d: %+v put on %+v", i, used, p.Bins[i].Free)
			}
		}
	})
}

func BenchmarkSolve(b *testing.B) {
	p := problem(100_000)
	for i := range 100 {
		p.Demands = append(p.Demands, loose(fmt.Sprintf("e0/%d", i), 10_000, vec(int64(1+i%8), int64(1+i%5))))
	}
	for range 1000 {
		p.Bins = append(p.Bins, Bin{Free: node(2, 4)})
	}
	for b.Loop() {
		Solve(p)
	}
}
