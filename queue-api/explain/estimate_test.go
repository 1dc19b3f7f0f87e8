// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Arrays that are ahead count for all their children, as far as they were looked at.
func TestEstimateCountsChildren(t *testing.T) {
	t.Parallel()
	shares := func(standings ...Standing) *Shares { return &Shares{Standings: standings} }
	of := func(share string) func(*batch.Job) { return func(j *batch.Job) { j.ShareIdentifier = share } }
	cases := map[string]struct {
		job       *batch.Job
		place     batch.Place
		shares    *Shares
		stretches map[string]Stretch
		siblings  int
		want      int
		isWhole   bool
	}{
		"single jobs":                     {job: job(), place: batch.Place{Ahead: 3, Of: 9}, stretches: map[string]Stretch{"": {3, 3}}, want: 3, isWhole: true},
		"an array of a million":           {job: job(), place: batch.Place{Ahead: 1, Of: 2}, stretches: map[string]Stretch{"": {1, 1_000_000}}, want: 1_000_000, isWhole: true},
		"what was not looked at":          {job: job(), place: batch.Place{Ahead: 1500, Of: 2000}, stretches: map[string]Stretch{"": {1000, 5000}}, want: 5500},
		"nobody looked":                   {job: job(), place: batch.Place{Ahead: 3, Of: 9}, want: 3},
		"the first":                       {job: job(), place: batch.Place{Ahead: 0, Of: 9}, isWhole: true},
		"a child behind its siblings":     {job: job(), place: batch.Place{Ahead: 0, Of: 9}, siblings: 7, want: 7, isWhole: true},
		"an array in a share beside it":   {job: job(of("b")), place: batch.Place{Ahead: 2, Of: 3}, shares: shares(Standing{"a", 1}, Standing{"b", 3}), stretches: map[string]Stretch{"a": {1, 500}, "b": {2, 2}}, want: 5, isWhole: true},
		"a share that is served later":    {job: job(of("b")), place: batch.Place{Ahead: 2, Of: 3}, shares: shares(Standing{"b", 3}, Standing{"c", 1}), stretches: map[string]Stretch{"c": {1, 500}, "b": {2, 2}}, want: 4, isWhole: true},
		"an array in its own share":       {job: job(of("b")), place: batch.Place{Ahead: 1, Of: 2}, shares: shares(Standing{"a", 4}, Standing{"b", 2}), stretches: map[string]Stretch{"a": {4, 4}, "b": {1, 100}}, want: 104, isWhole: true},
		"a share that was not looked at":  {job: job(of("b")), place: batch.Place{Ahead: 1, Of: 2}, shares: shares(Standing{"a", 1}, Standing{"b", 2}), stretches: map[string]Stretch{"b": {1, 100}}, want: 101},
		"enough of a share was looked at": {job: job(of("b")), place: batch.Place{Ahead: 1, Of: 2}, shares: shares(Standing{"a", 900}, Standing{"b", 2}), stretches: map[string]Stretch{"a": {100, 100}, "b": {1, 1}}, want: 3, isWhole: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := facts(tc.job)
			f.Place, f.Shares, f.Stretches, f.Siblings = tc.place, tc.shares, tc.stretches, tc.siblings
			if n, isWhole := f.jobsAhead(); n != tc.want || isWhole != tc.isWhole {
				t.Errorf("%d ahead, whole %t; want %d, %t", n, isWhole, tc.want, tc.isWhole)
			}
			f.Pace.Note(f.Now.Add(-time.Minute), 600)
			e := f.estimateTurn(WaitingTurn)
			if e.StartsAt == nil && tc.want < 1_000_000 || strings.Contains(e.Because, "may be among") == tc.isWhole && e.StartsAt != nil {
				t.Errorf("estimated %+v", e)
			}
		})
	}
}
