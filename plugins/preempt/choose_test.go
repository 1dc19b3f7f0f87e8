// SPDX-License-Identifier: Apache-2.0

package preempt_test

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/preempt"
)

// level is that of a pod without a rank.
func level(priority int32) gang.Level {
	return gang.OrderOf(&corev1.Pod{Spec: corev1.PodSpec{Priority: &priority}}).Level()
}

var epoch = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// pod is one pod of so many CPUs.
func pod(node int, cpus int64, priority int32, started int) preempt.Work {
	return preempt.Work{
		Level: level(priority), Started: epoch.Add(time.Duration(started) * time.Minute), Pods: 1,
		Rooms: []preempt.Room{{Node: node, Amounts: []int64{cpus}}},
	}
}

// full are n nodes without free CPUs, each able to take members.
func full(n int) []preempt.Node {
	nodes := make([]preempt.Node, n)
	for i := range nodes {
		nodes[i] = preempt.Node{Free: []int64{0}, Takes: []bool{true}}
	}
	return nodes
}

func of(n int, cpus int64) []preempt.Group { return []preempt.Group{{Size: n, Each: []int64{cpus}}} }

func TestChoose(t *testing.T) {
	t.Parallel()
	guarded := func(w preempt.Work) preempt.Work { w.Guarded = true; return w }
	spread := preempt.Work{Level: level(0), Started: epoch, Pods: 2, Rooms: []preempt.Room{
		{Node: 0, Amounts: []int64{4}}, {Node: 1, Amounts: []int64{4}},
	}}
	inZones := full(4)
	for i := range inZones {
		inZones[i].Domain = "zone-" + strconv.Itoa(i/2)
	}
	cases := map[string]struct {
		nodes  []preempt.Node
		groups []preempt.Group
		works  []preempt.Work
		want   []int
	}{
		"nobody is harmed when it would not help": {full(1), of(2, 4), []preempt.Work{pod(0, 4, 0, 0)}, nil},
		"nobody is harmed when there is nobody":   {full(1), of(1, 4), nil, nil},
		"the lowest level goes": {
			full(2), of(1, 4), []preempt.Work{pod(0, 4, 1, 9), pod(1, 4, 0, 0)}, []int{1},
		},
		"even when that is more pods": {
			full(2), of(1, 4), []preempt.Work{pod(0, 4, 1, 0), pod(1, 2, 0, 0), pod(1, 2, 0, 0)}, []int{1, 2},
		},
		"the fewest pods go": {
			full(2), of(1, 4), []preempt.Work{pod(0, 2, 0, 9), pod(0, 2, 0, 9), pod(1, 4, 0, 0)}, []int{2},
		},
		"the youngest goes": {
			full(3), of(1, 4), []preempt.Work{pod(0, 4, 0, 0), pod(1, 4, 0, 9), pod(2, 4, 0, 1)}, []int{1},
		},
		"no more than is needed goes": {
			full(1), of(1, 2), []preempt.Work{pod(0, 2, 0, 5), pod(0, 2, 0, 7), pod(0, 2, 0, 6)}, []int{1},
		},
		"a gang goes as a whole, and not where a pod will do": {
			full(3), of(1, 4), []preempt.Work{spread, pod(2, 4, 0, 0)}, []int{1},
		},
		"a gang goes where it is needed": {
			full(2), of(2, 4), []preempt.Work{spread}, []int{0},
		},
		"what is guarded stays even at a lower level": {
			full(2), of(1, 4), []preempt.Work{guarded(pod(0, 4, 0, 9)), pod(1, 4, 1, 0)}, []int{1},
		},
		"what is guarded goes when nothing else helps": {
			full(2), of(2, 4), []preempt.Work{guarded(pod(0, 4, 0, 9)), pod(1, 4, 1, 0)}, []int{0, 1},
		},
		"members of one domain get room in one": {
			inZones, of(2, 4), []preempt.Work{pod(0, 4, 0, 9), pod(2, 4, 0, 5), pod(3, 4, 0, 5)}, []int{1, 2},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &preempt.Cluster{Nodes: tc.nodes, Groups: tc.groups, Need: tc.groups[0].Size}
			if diff := cmp.Diff(tc.want, preempt.Choose(c, tc.works)); diff != "" {
				t.Errorf("choice mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// random returns a small problem of several resources, nodes, domains and works.
func random(rng *rand.Rand, groups int) (*preempt.Cluster, []preempt.Work) {
	c := &preempt.Cluster{}
	domains := 1 + rng.IntN(2)
	for range groups {
		c.Groups = append(c.Groups, preempt.Group{Size: 1 + rng.IntN(4), Each: []int64{int64(1 + rng.IntN(4)), int64(rng.IntN(2))}})
		c.Need += c.Groups[len(c.Groups)-1].Size
	}
	for range 1 + rng.IntN(5) {
		node := preempt.Node{Free: []int64{int64(rng.IntN(4)), int64(rng.IntN(2))}, Domain: strconv.Itoa(rng.IntN(domains))}
		for range c.Groups {
			node.Takes = append(node.Takes, rng.IntN(8) > 0)
		}
		c.Nodes = append(c.Nodes, node)
	}
	works := make([]preempt.Work, 1+rng.IntN(9))
	for i := range works {
		w := &works[i]
		w.Level, w.Started, w.Guarded = level(int32(rng.IntN(3))), epoch.Add(time.Duration(rng.IntN(9))*time.Minute), rng.IntN(6) == 0
		nodes := rng.Perm(len(c.Nodes))[:1+rng.IntN(min(len(c.Nodes), 3))]
		for _, node := range nodes {
			w.Rooms = append(w.Rooms, preempt.Room{Node: node, Amounts: []int64{int64(1 + rng.IntN(4)), int64(rng.IntN(3))}})
		}
		w.Pods = len(nodes) + rng.IntN(2)
	}
	return c, works
}

// score is what choices are judged by; less is better.
type score struct {
	guarded, pods int
	best          gang.Level
}

func scoreOf(works []preempt.Work, chosen []int) score {
	s := score{best: works[chosen[0]].Level}
	for _, i := range chosen {
		if works[i].Guarded {
			s.guarded++
		}
		if works[i].Level.Compare(s.best) > 0 {
			s.best = works[i].Level
		}
		s.pods += works[i].Pods
	}
	return s
}

func (s score) compare(o score) int {
	if s.guarded != o.guarded {
		return s.guarded - o.guarded
	}
	if c := s.best.Compare(o.best); c != 0 {
		return c
	}
	return s.pods - o.pods
}

// exact tries every choice.
func exact(c *preempt.Cluster, works []preempt.Work) (best score, found bool) {
	gone := make([]bool, len(works))
	for set := uint(1); set < 1<<len(works); set++ {
		chosen := make([]int, 0, bits.OnesCount(set))
		for i := range works {
			if gone[i] = set>>i&1 == 1; gone[i] {
				chosen = append(chosen, i)
			}
		}
		if s := scoreOf(works, chosen); (!found || s.compare(best) < 0) && c.Fits(works, gone) {
			best, found = s, true
		}
	}
	return best, found
}

// TestChoiceIsNearlyTheBest compares choices with the best of all on small random problems: there is one when there can be
// one, it fits, nothing of it is in vain, and no better work is harmed than must be.
func TestChoiceIsNearlyTheBest(t *testing.T) {
	t.Parallel()
	const cases = 10_000
	rng := rand.New(rand.NewPCG(7, 7))
	solved, optimal, pods, fewest, guards := 0, 0, 0, 0, 0
	for range cases {
		c, works := random(rng, 1)
		none := make([]bool, len(works))
		if c.Fits(works, none) {
			continue
		}
		want, possible := exact(c, works)
		chosen := preempt.Choose(c, works)
		if (len(chosen) > 0) != possible {
			t.Fatalf("chose %v; possible: %v\n%+v\n%+v", chosen, possible, c, works)
		}
		if !possible {
			continue
		}
		checkFits(t, c, works, chosen)
		got := scoreOf(works, chosen)
		if (got.guarded > 0) != (want.guarded > 0) {
			t.Fatalf("chose %v: %+v, want %+v\n%+v\n%+v", chosen, got, want, c, works)
		}
		solved++
		if got.guarded != want.guarded {
			guards++
			continue
		}
		if got.best.Compare(want.best) == 0 {
			pods, fewest = pods+got.pods, fewest+want.pods
		}
		if got.compare(want) == 0 {
			optimal++
		}
	}
	t.Logf("%d problems solved, %d of them as well as can be (%.1f %%); %.1f %% more pods end than must; %d guarded more than must be",
		solved, optimal, 100*float64(optimal)/float64(solved), 100*float64(pods-fewest)/float64(fewest), guards)
	if optimal*100 < solved*97 || pods*100 > fewest*102 {
		t.Error("choices are worse than they were")
	}
}

// TestChoiceOfManyGroupsFits has gangs of unlike members. Room is counted for one group after the other, so more of it can
// serve them worse: there is no telling the best choice. But what is chosen helps.
func TestChoiceOfManyGroupsFits(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 8))
	for range 10_000 {
		c, works := random(rng, 2)
		all, gone := slices.Repeat([]bool{true}, len(works)), make([]bool, len(works))
		if c.Fits(works, gone) {
			continue
		}
		chosen := preempt.Choose(c, works)
		for _, i := range chosen {
			gone[i] = true
		}
		if fits := c.Fits(works, all); fits != c.Fits(works, gone) || fits != (len(chosen) > 0) {
			t.Fatalf("chose %v; fits without all: %v\n%+v\n%+v", chosen, fits, c, works)
		}
	}
}

// checkFits fails the test unless the gang fits by the choice and by no part of it.
func checkFits(t *testing.T, c *preempt.Cluster, works []preempt.Work, chosen []int) {
	t.Helper()
	gone := make([]bool, len(works))
	for _, i := range chosen {
		gone[i] = true
	}
	if !c.Fits(works, gone) {
		t.Fatalf("does not fit without %v\n%+v\n%+v", chosen, c, works)
	}
	for _, i := range chosen {
		gone[i] = false
		if c.Fits(works, gone) {
			t.Fatalf("%d of %v ends in vain\n%+v\n%+v", i, chosen, c, works)
		}
		gone[i] = true
	}
}

// TestChooseByAsksSeldom has thousands of works, of which few must go. When it may not ask as often, nobody goes.
func TestChooseByAsksSeldom(t *testing.T) {
	t.Parallel()
	const nodes = 1000
	c := &preempt.Cluster{Nodes: full(nodes), Groups: of(2, 4), Need: 2}
	var works []preempt.Work
	for i := range nodes {
		works = append(works, pod(i, 2, 0, i), pod(i, 2, 0, i))
	}
	for _, tc := range []struct {
		limit int
		want  []int
	}{{64, []int{1996, 1997, 1998, 1999}}, {4, nil}} {
		asked := 0
		chosen, err := preempt.ChooseBy(c, works, tc.limit, func(gone []bool) (bool, error) {
			asked++
			return c.Fits(works, gone), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(chosen, tc.want) || asked > tc.limit+1 {
			t.Errorf("chose %v after %d questions of %d, want %v", chosen, asked, tc.limit, tc.want)
		}
	}
}

// BenchmarkChoose has 5,000 nodes full of four pods each.
func BenchmarkChoose(b *testing.B) {
	for _, size := range []int{1, 64, 1000} {
		b.Run(strconv.Itoa(size)+" members", func(b *testing.B) {
			const nodes = 5000
			rng := rand.New(rand.NewPCG(1, 1))
			c := &preempt.Cluster{Nodes: full(nodes), Groups: of(size, 4), Need: size}
			var works []preempt.Work
			for i := range 4 * nodes {
				works = append(works, pod(i/4, int64(1+rng.IntN(2)), int32(rng.IntN(2)), rng.IntN(1000)))
			}
			for b.Loop() {
				if len(preempt.Choose(c, works)) == 0 {
					b.Fatal("nothing chosen")
				}
			}
		})
	}
}
