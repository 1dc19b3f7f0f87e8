// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
)

// shelf is a store whose queues have these jobs.
type shelf struct {
	world

	jobs  map[int][]batch.Job // by queue
	asked []int               // how many jobs each time
	err   error
}

func (s *shelf) ListJobs(_ context.Context, queue int, _ batch.JobStatus, _ string, limit int) ([]batch.Job, string, error) {
	s.asked = append(s.asked, limit)
	return s.jobs[queue][:min(limit, len(s.jobs[queue]))], "", s.err
}

// times are n jobs that are like this one.
func times(n int, job batch.Job) []batch.Job {
	job.Status = batch.StatusPending
	out := make([]batch.Job, n)
	for i := range out {
		out[i] = job
	}
	return out
}

func TestPendingJobsAreCountedByWhatTheyWaitFor(t *testing.T) {
	t.Parallel()
	dependent, array := batch.Job{Unmet: []string{"another"}}, batch.Job{ArraySize: 5}
	both := batch.Job{ArraySize: 5, Unmet: []string{"another"}}
	stopping := batch.Job{ArraySize: 5, Stop: &batch.Stop{Kind: batch.StopTerminated}}
	join := func(lists ...[]batch.Job) (all []batch.Job) {
		for _, list := range lists {
			all = append(all, list...)
		}
		return all
	}
	a := func(code explain.Code) AdmittedAs { return AdmittedAs{"a", code} }
	cases := map[string]struct {
		jobs      map[int][]batch.Job
		counted   []int // by the indexes, queue by queue
		want      map[AdmittedAs]int
		wantAsked []int
	}{
		"nothing is asked where nothing is pending": {counted: []int{0, 0}, want: map[AdmittedAs]int{}},
		"each as explain says": {
			jobs:    map[int][]batch.Job{1: join(times(3, dependent), times(2, array), times(4, both), times(1, stopping))},
			counted: []int{10}, want: map[AdmittedAs]int{a(explain.DependencyWaiting): 7, a(explain.ArrayChildren): 2, a(explain.JobStopping): 1},
			wantAsked: []int{MaxLookedAt},
		},
		"queues share what is looked at": {
			jobs: map[int][]batch.Job{1: times(1, array), 3: times(1, dependent)}, counted: []int{1, 0, 1},
			want:      map[AdmittedAs]int{a(explain.ArrayChildren): 1, {"c", explain.DependencyWaiting}: 1},
			wantAsked: []int{MaxLookedAt / 2, MaxLookedAt / 2},
		},
		"the others are like those that were looked at": {
			jobs: map[int][]batch.Job{1: join(times(600, dependent), times(900, array))}, counted: []int{1501},
			want:      map[AdmittedAs]int{a(explain.DependencyWaiting): 901, a(explain.ArrayChildren): 600},
			wantAsked: []int{MaxLookedAt},
		},
		"those that are gone since count as nothing": {counted: []int{5}, want: map[AdmittedAs]int{}, wantAsked: []int{MaxLookedAt}},
		"those that came since do not count yet": {
			jobs: map[int][]batch.Job{1: times(9, dependent)}, counted: []int{5}, want: map[AdmittedAs]int{a(explain.DependencyWaiting): 5},
			wantAsked: []int{MaxLookedAt},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{jobs: tc.jobs}
			var queues []batch.JobQueue
			var tallies []batch.Tally
			for i, n := range tc.counted {
				queues = append(queues, batch.JobQueue{Name: string(rune('a' + i)), Number: i + 1})
				tallies = append(tallies, batch.Tally{Jobs: map[batch.JobStatus]int{batch.StatusPending: n}})
			}
			got, err := lookAtPending(t.Context(), s, queues, tallies)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("counts mismatch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantAsked, s.asked); diff != "" {
				t.Errorf("asked mismatch (-want +got):\n%s", diff)
			}
			if s.err = errors.New("down"); len(tc.wantAsked) > 0 {
				if _, err := lookAtPending(t.Context(), s, queues, tallies); err == nil {
					t.Error("a store that does not answer counts as empty")
				}
			}
		})
	}
}
