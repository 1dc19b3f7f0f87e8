// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestAdoptedMovesOnlyForward(t *testing.T) {
	t.Parallel()
	submitted := runnable(3)
	submitted.Status = batch.StatusSubmitted
	ran := []Event{admit, bind, start}
	cases := map[string]struct {
		job          batch.Job
		before       []Event
		attempt      int
		wantStatus   batch.JobStatus
		wantAttempts int
		wantCurrent  int
	}{
		"a record made again":            {submitted, nil, 1, batch.StatusRunnable, 0, 1},
		"a record made again of a retry": {submitted, nil, 3, batch.StatusRunnable, 2, 3},
		"one that waits for another":     {pending("x"), nil, 1, batch.StatusRunnable, 0, 1},
		"one that waits":                 {runnable(3), nil, 2, batch.StatusRunnable, 1, 2},
		"one that runs":                  {runnable(3), ran, 2, batch.StatusRunnable, 1, 2},
		"one that runs this attempt":     {runnable(3), ran, 1, batch.StatusRunning, 0, 1},
		"one that knows a later one":     {runnable(3), append(ran, Ended{Attempt: 1}, admit), 1, batch.StatusRunnable, 1, 2},
		"one that ended":                 {runnable(3), []Event{Cancelled{"r"}}, 2, batch.StatusFailed, 0, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := tc.job
			for _, ev := range tc.before {
				next, _, err := Step(job, ev, t1)
				if err != nil {
					t.Fatal(err)
				}
				job = next
			}
			ev := Adopted{Attempt: tc.attempt, ComputeEnvironment: "ce", PodName: "p", PodNamespace: "jobs", CreatedAt: t1}
			got, _, err := Step(job, ev, t1)
			if err != nil {
				t.Fatal(err)
			}
			number := 0
			if got.Current != nil {
				number = got.Current.Number
			}
			if got.Status != tc.wantStatus || len(got.Attempts) != tc.wantAttempts || number != tc.wantCurrent || len(got.Unmet) > 0 {
				t.Errorf("%s after %d attempts, in %d; want %s, %d, %d", got.Status, len(got.Attempts), number, tc.wantStatus, tc.wantAttempts, tc.wantCurrent)
			}
			again, _, err := Step(got, ev, t1)
			if diff := cmp.Diff(got, again); err != nil || diff != "" {
				t.Errorf("a repeat changes it: %v\n%s", err, diff)
			}
		})
	}
}

func TestAdoptedArrayRunsNothingUnknown(t *testing.T) {
	t.Parallel()
	parent := batch.Job{ID: "a", ArraySize: 3, DependsOn: []batch.Dependency{{Type: batch.DependencySequential}}}
	array := AdoptArray(parent.Child(1, batch.StatusRunnable), "a", t1)
	if !array.IsArray() || array.InitialChildStatus() != batch.StatusPending || !IsAdoptedArray(array) {
		t.Errorf("array %+v", array)
	}
	early, _, err := Step(array, GivenUp{After: time.Minute}, t1.Add(time.Second))
	if diff := cmp.Diff(array, early); err != nil || diff != "" {
		t.Errorf("given up early: %v\n%s", err, diff)
	}
	late, _, err := Step(array, GivenUp{After: time.Minute}, t1.Add(time.Hour))
	if err != nil || late.Rest == nil || late.Rest.Reason != ReasonChildLost || late.InitialChildStatus() != batch.StatusFailed {
		t.Errorf("array %+v, %v", late, err)
	}
}
