// SPDX-License-Identifier: Apache-2.0

package fairshare

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
)

func job(id string, milli int64) batch.Job {
	return batch.Job{ID: id, Requests: batch.Requests{MilliVCPU: milli}}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	type verdict struct{ Job, Environment, Blocked string }
	open := func(name string, milli, limit int64) *Budget {
		return &Budget{Name: name, Accepts: true, Milli: milli, MaxMilli: limit}
	}
	closed := func(name string) *Budget { return &Budget{Name: name, Milli: 9000, MaxMilli: 9000} }
	cases := map[string]struct {
		jobs    []batch.Job
		budgets []*Budget
		want    []verdict
	}{
		"jobs are admitted in order while the budget lasts": {
			[]batch.Job{job("a", 1000), job("b", 1000), job("c", 1000)},
			[]*Budget{open("x", 2000, 4000)},
			[]verdict{{"a", "x", ""}, {"b", "x", ""}, {"c", "", ""}},
		},
		"the next environment is tried when the first is full": {
			[]batch.Job{job("a", 2000), job("b", 2000)},
			[]*Budget{open("x", 2000, 2000), open("y", 2000, 2000)},
			[]verdict{{"a", "x", ""}, {"b", "y", ""}},
		},
		"the head of the queue is not overtaken": {
			[]batch.Job{job("large", 3000), job("small", 1000)},
			[]*Budget{open("x", 2000, 4000)},
			[]verdict{{"large", "", ""}},
		},
		"a job that could never fit is told so and holds nobody up": {
			[]batch.Job{job("huge", 9000), job("small", 1000)},
			[]*Budget{open("x", 2000, 4000)},
			[]verdict{{"huge", "", ReasonMaxResource}, {"small", "x", ""}},
		},
		"a disabled environment gets nothing": {
			[]batch.Job{job("a", 1000)},
			[]*Budget{closed("x"), open("y", 1000, 1000)},
			[]verdict{{"a", "y", ""}},
		},
		"without any environment the head is told so": {
			[]batch.Job{job("a", 1000), job("b", 1000)},
			[]*Budget{closed("x")},
			[]verdict{{"a", "", ReasonInvalidCEs}},
		},
		"an unmanaged environment without a limit takes all": {
			[]batch.Job{job("a", 900_000)},
			[]*Budget{{Name: "x", Accepts: true, Unlimited: true}},
			[]verdict{{"a", "x", ""}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []verdict
			verdicts, _, err := Admit(list(tc.jobs...), tc.budgets, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range verdicts {
				got = append(got, verdict{v.Job.ID, v.Environment, v.Blocked})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("verdicts mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAdmitNeverExceedsABudget(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var jobs []batch.Job
		for range rapid.IntRange(0, 30).Draw(rt, "jobs") {
			jobs = append(jobs, job("j", rapid.Int64Range(250, 8000).Draw(rt, "milli")))
		}
		free := map[string]int64{"x": rapid.Int64Range(0, 16_000).Draw(rt, "x"), "y": rapid.Int64Range(0, 16_000).Draw(rt, "y")}
		budgets := []*Budget{
			{Name: "x", Accepts: true, Milli: free["x"], MaxMilli: 16_000},
			{Name: "y", Accepts: rapid.Bool().Draw(rt, "accepts"), Milli: free["y"], MaxMilli: 16_000},
		}
		verdicts, _, err := Admit(list(jobs...), budgets, Options{})
		if err != nil {
			rt.Fatal(err)
		}
		for _, v := range verdicts {
			if v.Environment != "" {
				free[v.Environment] -= v.Job.Requests.MilliVCPU
			}
		}
		if free["x"] < 0 || free["y"] < 0 {
			rt.Fatalf("given out more than there was: %v", free)
		}
	})
}

func TestAdmitToTheEnvironmentsThatAJobMayUse(t *testing.T) {
	t.Parallel()
	x, y := &Budget{Name: "x", Accepts: true, Milli: 4000, MaxMilli: 4000}, &Budget{Name: "y", Milli: 4000, MaxMilli: 4000}
	jobs := []batch.Job{job("nowhere", 1000), job("only-y", 1000), job("any", 1000)}
	order := NewFIFO(func(string, string, int) ([]batch.Job, string, error) { return jobs, "", nil })
	verdicts, _, err := Admit(order, []*Budget{x, y}, Options{Places: func(j batch.Job, all []*Budget) ([]*Budget, string) {
		switch j.ID {
		case "nowhere":
			return nil, "no place"
		case "only-y":
			return all[1:], ""
		default:
			return all, ""
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range verdicts {
		got = append(got, v.Environment+v.Blocked)
	}
	if diff := cmp.Diff([]string{"no place", ReasonInvalidCEs, "x"}, got); diff != "" {
		t.Errorf("verdicts mismatch (-want +got):\n%s", diff)
	}
}
