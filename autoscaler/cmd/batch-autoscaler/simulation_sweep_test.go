// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

// What `make bench-nodes` plays is larger than what every run of the tests can wait for.
var (
	sweeps  = flag.Int("sweeps", 1, "How many traces are played, and for each chance of a stock-out.")
	largest = flag.Int("largest-gang", 16, "The largest gang of a trace.")
	gangs   = flag.Int("gangs", 6, "The gangs of a trace.")
)

// keptFor is the longest that a node may be without a pod: until the gang that it was bought for is given up, and then as
// long as any idle node.
const keptFor = 4 * time.Minute

// figure tells `make bench-nodes` a number.
func figure(t *testing.T, name string, value float64) {
	t.Helper()
	t.Logf("figure %q %g", name, value)
}

// TestStockOuts plays traces of gangs and single jobs with ever more stock-outs: no launch exceeds maxvCpus, no node ends
// under a pod, none is kept for nothing, and whatever can be placed is.
func TestStockOuts(t *testing.T) {
	t.Parallel()
	var sum result
	for _, outage := range []float64{0, 0.1, 0.25, 0.5} {
		for seed := range *sweeps {
			tr := trace{
				Seed: uint64(seed), Lasts: 4 * time.Minute, Gangs: *gangs, Singles: 2 * *gangs, LargestGang: *largest, //nolint:gosec // a small number
				Outage: outage, MaxvCPUs: int32(4 * *largest * 2), Work: 2 * time.Minute, //nolint:gosec // the same
			}
			r := simulate(t, tr, nil)
			t.Logf("chance of a stock-out %v: %+v", outage, r)
			if r.Exceeded+r.Killed+r.Unplaced > 0 || r.Gangs < tr.Gangs || r.Singles < tr.Singles || r.IdleWorst > keptFor {
				t.Errorf("trace %+v: %+v", tr, r)
			}
			sum.add(&r)
		}
	}
	figure(t, "sweep nodes", float64(sum.Nodes))
	figure(t, "sweep exceeded", float64(sum.Exceeded))
	figure(t, "sweep partial", float64(sum.Unplaced))
	figure(t, "sweep killed", float64(sum.Killed))
	figure(t, "sweep kept", sum.IdleWorst.Seconds())
}

func (r *result) add(o *result) {
	r.Nodes, r.Exceeded, r.Killed, r.Unplaced = r.Nodes+o.Nodes, r.Exceeded+o.Exceeded, r.Killed+o.Killed, r.Unplaced+o.Unplaced
	r.Unused, r.Stranded = r.Unused+o.Unused, r.Stranded+o.Stranded
	r.IdleWorst = max(r.IdleWorst, o.IdleWorst)
}

// TestStrandedBesideStock plays traces with our autoscaler and with cluster-autoscaler's own logic, and holds ours to what must
// never happen. What each strands is for hack/bench/nodes to compare: of a trace as short as the default it says little. No
// environment is full: queue-api admits no more than maxvCpus.
func TestStrandedBesideStock(t *testing.T) {
	t.Parallel()
	var ours, theirs result
	for seed := range *sweeps {
		tr := trace{
			Seed: uint64(seed + 1), Lasts: 5 * time.Minute, Gangs: *gangs, Singles: 2 * *gangs, LargestGang: *largest, Outage: 0.25, //nolint:gosec // a small number
			MaxvCPUs: 8192, Work: 10 * time.Minute,
		}
		our, their := simulate(t, tr, nil), simulate(t, tr, newStock)
		t.Logf("trace %d, ours  %+v", tr.Seed, our)
		t.Logf("trace %d, stock %+v", tr.Seed, their)
		ours.add(&our)
		theirs.add(&their)
	}
	if ours.Unplaced+ours.Exceeded+ours.Killed > 0 {
		t.Errorf("ours %+v", ours)
	}
	figure(t, "trace nodes", float64(ours.Nodes))
	figure(t, "stranded", ours.Stranded)
	figure(t, "stock stranded", theirs.Stranded)
	figure(t, "stranded ratio", theirs.Stranded/max(ours.Stranded, 1))
	figure(t, "misbought", 100*float64(ours.Unused)/float64(ours.Nodes))
	figure(t, "stock misbought", 100*float64(theirs.Unused)/float64(theirs.Nodes))
}

// BenchmarkDecide decides for 10,000 pods over 20 environments at once.
func BenchmarkDecide(b *testing.B) {
	const environments, pods = 20, 500
	for b.Loop() {
		b.StopTimer()
		r := newRig(b, manyEnvironments(environments)...)
		r.mute = true
		for e := range environments {
			for i := range pods {
				r.create(pod(fmt.Sprintf("%d-%d", e, i), inEnvironment(e), cpus(int64(1+i%3))))
			}
		}
		b.StartTimer()
		for r.launched() == 0 {
			if err := r.runOnce(r.clock.Now()); err != nil {
				b.Fatal(err)
			}
		}
		if err := r.runOnce(r.clock.Now()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		r.provider.Wait()
		if got := r.fleet.Launches(); len(got) != environments {
			b.Errorf("%d launches, want one for each of %d environments", len(got), environments)
		}
		b.StartTimer()
	}
}
