// SPDX-License-Identifier: Apache-2.0

package fairshare

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
)

// list is a FIFO queue of these jobs.
func list(jobs ...batch.Job) *Order { return NewFIFO(paged(map[string][]batch.Job{"": jobs}, 100)) }

func TestBackfill(t *testing.T) {
	t.Parallel()
	now := start.Add(time.Hour)
	jobs := []batch.Job{job("large", 3000), job("s1", 500), job("mid", 2500), job("s2", 500), job("s3", 500)}
	since := func(ago time.Duration) Head { return Head{JobID: "large", Since: now.Add(-ago), Environment: "x"} }
	cases := map[string]struct {
		opts     Options
		want     []string
		wantHead Head
	}{
		"the head is not overtaken by default":      {Options{}, nil, since(0)},
		"a bounded number is tried behind the head": {Options{Backfill: 2, BackfillFor: time.Minute}, []string{"s1"}, since(0)},
		"what does not fit is passed":               {Options{Backfill: 3, BackfillFor: time.Minute}, []string{"s1", "s2"}, since(0)},
		"not once the head was held up too long":    {Options{Backfill: 3, BackfillFor: time.Minute, Head: since(time.Minute)}, nil, since(time.Minute)},
		"until then its time goes on":               {Options{Backfill: 3, BackfillFor: time.Minute, Head: since(59 * time.Second)}, []string{"s1", "s2"}, since(59 * time.Second)},
		"another head has a time of its own":        {Options{Backfill: 3, BackfillFor: time.Minute, Head: Head{JobID: "gone", Since: start}}, []string{"s1", "s2"}, since(0)},
		"no more than the limit":                    {Options{Backfill: 9, BackfillFor: time.Minute, Limit: 2}, []string{"s1", "s2"}, since(0)},
		"no more than what the queue may hold":      {Options{Backfill: 9, BackfillFor: time.Minute, Usable: &Budget{Accepts: true, Milli: 600, MaxMilli: 9000}}, []string{"s1"}, Head{JobID: "large", Since: now}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.opts.Now = now
			verdicts, head, err := Admit(list(jobs...), []*Budget{{Name: "x", Accepts: true, Milli: 2000, MaxMilli: 4000}}, tc.opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, admitted(verdicts)); diff != "" {
				t.Errorf("admitted mismatch (-want +got):\n%s", diff)
			}
			if head != tc.wantHead {
				t.Errorf("head %v, want %v", head, tc.wantHead)
			}
		})
	}
}

// The large job comes to its turn although small ones keep coming and each takes what the last one leaves.
func TestBackfillDoesNotStarveTheHead(t *testing.T) {
	t.Parallel()
	const backfillFor, runs = 5 * time.Minute, time.Minute
	x := &Budget{Name: "x", Accepts: true, Milli: 2000, MaxMilli: 4000}
	ends := map[time.Time]int64{start.Add(30 * time.Second): 2000} // what gives its vCPUs back, and when
	var head Head
	for now := start; now.Before(start.Add(time.Hour)); now = now.Add(10 * time.Second) {
		x.Milli += ends[now]
		var verdicts []Verdict
		var err error
		verdicts, head, err = Admit(list(job("large", 4000), job("small", 1000), job("small", 1000)), []*Budget{x},
			Options{Backfill: 10, BackfillFor: backfillFor, Head: head, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range admitted(verdicts) {
			if id == "large" {
				if waited := now.Sub(start); waited > backfillFor+runs+10*time.Second {
					t.Errorf("the head waited %v", waited)
				}
				return
			}
			ends[now.Add(runs)] += 1000
		}
	}
	t.Error("the head was never admitted")
}

func TestAJobThatIsShortHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	var asked []string
	take := func(j batch.Job) string {
		asked = append(asked, j.ID)
		return map[string]string{"needs": "licence"}[j.ID]
	}
	x := &Budget{Name: "x", Accepts: true, Milli: 2000, MaxMilli: 4000}
	verdicts, head, err := Admit(list(job("huge", 9000), job("needs", 1500), job("plain", 1500), job("later", 1500)), []*Budget{x}, Options{Take: take})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"needs", "plain"}, asked); diff != "" {
		t.Errorf("only jobs with room take (-want +got):\n%s", diff)
	}
	if verdicts[1].Short != "licence" || head.JobID != "later" || x.Milli != 500 {
		t.Errorf("verdict %+v, head %v, %d left", verdicts[1], head, x.Milli)
	}
}

func TestOneShareOfJobsThatNeverFitIsSetAside(t *testing.T) {
	t.Parallel()
	jobs := map[string][]batch.Job{"B": {at(job("b", 1000), 9)}}
	for range 50 {
		jobs["A"] = append(jobs["A"], job("huge", 9000))
	}
	x := &Budget{Name: "x", Accepts: true, Milli: 2000, MaxMilli: 4000}
	order := NewFairShare([]string{"A", "B"}, &Ledger{}, nil, NewPolicy(nil), paged(jobs, 100))
	verdicts, _, err := Admit(order, []*Budget{x}, Options{Skips: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(verdicts) != 11 || verdicts[10].Environment != "x" {
		t.Errorf("%d verdicts, the last %+v", len(verdicts), verdicts[len(verdicts)-1])
	}
}

func TestAdmitNeverExceedsWhatTheQueueMayHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var jobs []batch.Job
		for range rapid.IntRange(0, 30).Draw(rt, "jobs") {
			jobs = append(jobs, job("j", rapid.Int64Range(250, 8000).Draw(rt, "milli")))
		}
		usable := rapid.Int64Range(0, 16_000).Draw(rt, "usable")
		opts := Options{
			Usable:   &Budget{Accepts: true, Milli: usable, MaxMilli: 16_000},
			Backfill: rapid.IntRange(0, 30).Draw(rt, "backfill"), BackfillFor: time.Minute, Now: start,
		}
		verdicts, head, err := Admit(list(jobs...), unlimited(), opts)
		if err != nil {
			rt.Fatal(err)
		}
		for _, v := range verdicts {
			if v.Environment != "" {
				usable -= v.Job.Requests.MilliVCPU
			}
		}
		if usable < 0 || usable != opts.Usable.Milli {
			rt.Fatalf("%d left of what the queue may hold, budget says %d", usable, opts.Usable.Milli)
		}
		if head.JobID == "" && len(verdicts) != len(jobs) {
			rt.Fatalf("%d of %d jobs got a verdict, and nothing holds them up", len(verdicts), len(jobs))
		}
	})
}
