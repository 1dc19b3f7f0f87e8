// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/faults/check"
)

func submitsOf(u *Users) []check.Submit {
	var out []check.Submit
	for _, p := range u.plan() {
		out = append(out, p.submit)
	}
	return out
}

func TestSeedMakesTheSameJobs(t *testing.T) {
	t.Parallel()
	cfg := Config{Seed: 7, Jobs: 500}
	if diff := cmp.Diff(submitsOf(New(cfg)), submitsOf(New(cfg))); diff != "" {
		t.Errorf("jobs of one seed differ:\n%s", diff)
	}
	other := cfg
	other.Seed++
	if cmp.Equal(submitsOf(New(cfg)), submitsOf(New(other))) {
		t.Error("two seeds make the same jobs")
	}
}

func TestLargeArraysMakeUpForJobsThatRun(t *testing.T) {
	t.Parallel()
	cfg := Config{Seed: 1, Jobs: 1_000_000, Large: 10_000, Runs: 5000}
	jobs, runs := 0, 0
	for _, p := range New(cfg).plan() {
		jobs += p.jobs()
		if p.jobs() < 1000 {
			runs += p.jobs()
		} else if p.stop == nil {
			t.Errorf("array of %d is not ended", p.jobs())
		}
	}
	if jobs < cfg.Jobs || jobs > cfg.Jobs+20 || runs < cfg.Runs*95/100 || runs > cfg.Runs*105/100 {
		t.Errorf("%d jobs of which %d are to run, want %d and about %d", jobs, runs, cfg.Jobs, cfg.Runs)
	}
}

func TestEveryKindOfJobIsDrawn(t *testing.T) {
	t.Parallel()
	drawn := map[string]int{}
	for _, p := range New(Config{Seed: 3, Jobs: 2000}).plan() {
		for kind, is := range map[string]bool{
			"single": p.jobs() == 1 && p.submit.Nodes == 0, "array": p.submit.Children > 0, "gang": p.submit.Nodes > 0, "retried": p.submit.Attempts > 1,
			"sequential": p.submit.Sequential, "depends": len(p.dependsOn) > 0, "n to n": p.nToN != nil, "repeated": p.replays > 0,
			"ended": p.stop != nil, "times out": p.in.Timeout != nil,
		} {
			if is {
				drawn[kind]++
			}
		}
		if p.nToN != nil && (p.submit.Children != p.nToN.submit.Children || p.submit.Sequential) {
			t.Errorf("%d children wait for those of an array of %d, sequential: %v", p.submit.Children, p.nToN.submit.Children, p.submit.Sequential)
		}
	}
	if len(drawn) != 10 {
		t.Errorf("drawn are only %v", drawn)
	}
}
