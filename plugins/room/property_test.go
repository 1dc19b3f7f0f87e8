// SPDX-License-Identifier: Apache-2.0

package room

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

// problem is a small random case.
type problem struct {
	gang  []Group
	nodes []Node
}

func randomProblem(r *rand.Rand, groups int) problem {
	p := problem{}
	for range groups {
		p.gang = append(p.gang, Group{Count: 1 + r.IntN(3), Uses: []int64{1 + r.Int64N(4), r.Int64N(3)}})
	}
	domains := 1 + r.IntN(2)
	for i := range 1 + r.IntN(4) {
		n := Node{Name: strconv.Itoa(i), Domain: strconv.Itoa(r.IntN(domains)), Free: []int64{r.Int64N(5) - 1, r.Int64N(4)}, Held: r.IntN(3) == 0}
		if r.IntN(3) == 0 {
			for range groups {
				n.May = append(n.May, r.IntN(4) > 0)
			}
		}
		for j := range r.IntN(4) {
			q := Pod{ID: n.Name + "/" + strconv.Itoa(j), Uses: []int64{r.Int64N(4), r.Int64N(3)}}
			if r.IntN(3) > 0 {
				q.Ends = in(r.IntN(6) - 1)
			}
			n.Pods = append(n.Pods, q)
		}
		p.nodes = append(p.nodes, n)
	}
	return p
}

// fitsExactly tries every way to seat the gang once the pods for which gone says so are gone.
func (p problem) fitsExactly(gone func(node int, pod Pod) bool) bool {
	domains := map[string]bool{}
	for _, n := range p.nodes {
		domains[n.Domain] = true
	}
	for d := range domains {
		free := make([][]int64, len(p.nodes))
		for i, n := range p.nodes {
			if n.Domain != d {
				continue
			}
			free[i] = slices.Clone(n.Free)
			for _, q := range n.Pods {
				if gone(i, q) {
					free[i][0] += q.Uses[0]
					free[i][1] += q.Uses[1]
				}
			}
		}
		if p.seatAll(free, 0, 0) {
			return true
		}
	}
	return false
}

func (p problem) seatAll(free [][]int64, group, seated int) bool {
	if group == len(p.gang) {
		return true
	}
	if seated == p.gang[group].Count {
		return p.seatAll(free, group+1, 0)
	}
	uses := p.gang[group].Uses
	for i, f := range free {
		if f == nil || f[0] < uses[0] || (uses[1] > 0 && f[1] < uses[1]) || (p.nodes[i].May != nil && !p.nodes[i].May[group]) {
			continue
		}
		take(f, uses, 1)
		if p.seatAll(free, group, seated+1) {
			return true
		}
		take(f, uses, -1)
	}
	return false
}

// earliestExactly tries every time at which something ends.
func (p problem) earliestExactly() (time.Time, bool) {
	times := []time.Time{start}
	for _, n := range p.nodes {
		for _, q := range n.Pods {
			if q.Ends.After(start) {
				times = append(times, q.Ends)
			}
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	for _, when := range times {
		if p.fitsExactly(func(_ int, q Pod) bool { return !q.Ends.IsZero() && !q.Ends.After(when) }) {
			return when, true
		}
	}
	return time.Time{}, p.fitsExactly(func(int, Pod) bool { return true })
}

// fewestEnds tries every set of pods that may end by a time.
func (p problem) fewestEnds(by time.Time) int {
	var all []string
	for _, n := range p.nodes {
		for _, q := range n.Pods {
			if by.IsZero() || (!q.Ends.IsZero() && !q.Ends.After(by)) {
				all = append(all, q.ID)
			}
		}
	}
	best := len(all)
	for set := range 1 << len(all) {
		ended := map[string]bool{}
		for i, id := range all {
			if set&(1<<i) != 0 {
				ended[id] = true
			}
		}
		if len(ended) < best && p.fitsExactly(func(_ int, q Pod) bool { return ended[q.ID] }) {
			best = len(ended)
		}
	}
	return best
}

// mistake says what is wrong with a plan; empty when nothing is.
func (p problem) mistake(plan Plan) string {
	count := make([]int, len(p.gang))
	domains := map[string]bool{}
	for _, r := range plan.Rooms {
		n := p.nodes[r.Node]
		domains[n.Domain] = true
		free := slices.Clone(n.Free)
		for _, q := range n.Pods {
			if slices.Contains(r.Awaits, q.ID) {
				if !plan.At.IsZero() && (q.Ends.IsZero() || q.Ends.After(plan.At)) {
					return "pod " + q.ID + " ends after that"
				}
				take(free, q.Uses, -1)
			}
		}
		used := make([]int64, len(free))
		for g, seats := range r.Seats {
			count[g] += seats
			take(used, p.gang[g].Uses, -seats)
			if seats > 0 && n.May != nil && !n.May[g] {
				return "node " + n.Name + " does not take group " + strconv.Itoa(g)
			}
		}
		for i := range used {
			if used[i] > 0 && used[i] > free[i] {
				return "node " + n.Name + " does not hold its seats"
			}
		}
	}
	for g := range p.gang {
		if count[g] != p.gang[g].Count {
			return "group " + strconv.Itoa(g) + " is not seated whole"
		}
	}
	if len(domains) > 1 {
		return "it spans domains"
	}
	return ""
}

// For one kind of members a plan's time is exact; for several it may be later, never too early. Few pods are waited for.
func TestFindAgainstExhaustiveSearch(t *testing.T) {
	t.Parallel()
	const cases = 5000
	var found, late, missed, ends, fewest int
	for seed := range uint64(2 * cases) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := randomProblem(r, 1+int(seed%2))
		want, fits := p.earliestExactly()
		plan, ok := Find(p.gang, p.nodes, start)
		if single := len(p.gang) == 1; ok && !fits || !ok && fits && single {
			t.Fatalf("seed %d: found %v, want %v\n%+v", seed, ok, fits, p)
		}
		if !ok {
			if fits {
				missed++
			}
			continue
		}
		found++
		if why := p.mistake(plan); why != "" {
			t.Fatalf("seed %d: %s\n%+v\n%+v", seed, why, p, plan)
		}
		if isLate := !plan.At.Equal(want); isLate {
			if late++; len(p.gang) == 1 || (!plan.At.IsZero() && plan.At.Before(want)) {
				t.Fatalf("seed %d: at %v, want %v\n%+v", seed, plan.At, want, p)
			}
			continue
		}
		for _, room := range plan.Rooms {
			ends += len(room.Awaits)
		}
		fewest += p.fewestEnds(plan.At)
	}
	t.Logf("%d plans, %d of them late and %d missed with two kinds of members; %d ends waited for where %d would do", found, late, missed, ends, fewest)
	if found < cases/2 || late+missed > found/20 || ends > fewest+fewest/10 {
		t.Error("plans are worse than they were made to be")
	}
}
