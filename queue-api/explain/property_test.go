// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/fairshare"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// TestEverythingCanBeExplained is a property: whatever is known of a job, and however little, it has a code that is in the table,
// a reason, and something to do; an estimate is a time that is not over or a reason why there is none; lists are bounded.
func TestEverythingCanBeExplained(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := drawFacts(rt)
		e := f.Explain()
		if EntryOf(Code(e.Code)).Meaning == "" || e.Kind == "" || e.Next == "" || e.Supplies == nil || strings.ContainsAny(e.Next, "{}") {
			rt.Fatalf("%+v", e)
		}
		if shown := f.StatusReason(); shown != "" && shown != e.Reason {
			rt.Fatalf("statusReason is %q, and the explanation %q", shown, e.Reason)
		}
		if e.Reason == "" && !f.Job.Status.IsTerminal() {
			rt.Fatalf("%s has no reason", e.Status)
		}
		checkEstimate(rt, &f, e.Estimate)
		s := f.Simulate(&Ask{Largest: f.Job.Requests})
		checkEstimate(rt, &f, s.Estimate)
		if EntryOf(Code(s.Code)).Meaning == "" || s.FitsNow && !s.Fits || s.Fits == (s.ComputeEnvironment == "") || s.Environments == nil || s.Next == "" {
			rt.Fatalf("%+v", s)
		}
		if _, err := json.Marshal([]any{e, s}); err != nil {
			rt.Fatal(err)
		}
		if e.Position != nil && len(e.Position.AheadByShare) > MaxShares || len(e.Scheduler) > maxWords+len("…") || !utf8.ValidString(e.Scheduler) {
			rt.Fatalf("%+v is too much", e)
		}
	})
}

func checkEstimate(rt *rapid.T, f *Facts, e *viewapi.Estimate) {
	if e == nil {
		return
	}
	if (e.StartsAt == nil) == (e.UnknownBecause == "") || e.StartsAt != nil && (*e.StartsAt < f.Now.Add(-time.Second).UnixMilli() || e.Because == "") {
		rt.Fatalf("estimate at %v: %+v", f.Now, e)
	}
}

func drawFacts(rt *rapid.T) Facts {
	words := rapid.SampledFrom([]string{"", "x", Refused + ": y", fairshare.ReasonInvalidCEs, ConsumableWait + "lic: 1 needed", "CannotPullContainerError: z", string(InsufficientCapacity) + " - w", "{queue}", strings.Repeat("é", 2000)})
	job := batch.Job{
		ID: "j", Queue: "q", CreatedAt: t0, Status: rapid.SampledFrom(batch.JobStatuses[:]).Draw(rt, "status"), StatusReason: words.Draw(rt, "reason"),
		Requests: batch.Requests{MilliVCPU: rapid.Int64Range(0, 20_000).Draw(rt, "milli"), MemoryMiB: 64}, ShareIdentifier: rapid.SampledFrom([]string{"", "a"}).Draw(rt, "share"),
		NumNodes: rapid.SampledFrom([]int{0, 3}).Draw(rt, "nodes"),
	}
	if rapid.Bool().Draw(rt, "consumables") {
		job.Consumables = []batch.ConsumableRequirement{{Name: "lic", Quantity: 2}}
	}
	if !job.Status.IsTerminal() && rapid.Bool().Draw(rt, "attempt") {
		job.Current = &batch.Attempt{Number: 1, ComputeEnvironment: "ce", PodName: "p", AdmittedAt: t0, Nodes: make([]batch.NodeAttempt, job.NumNodes)}
	}
	if rapid.Bool().Draw(rt, "stop") {
		job.Stop = &batch.Stop{Kind: batch.StopCancelled, Reason: words.Draw(rt, "stopped for")}
	}
	f := Facts{Now: t0.Add(time.Duration(rapid.IntRange(0, 7200).Draw(rt, "now")) * time.Second), Job: &job}
	for range rapid.IntRange(0, 3).Draw(rt, "environments") {
		f.Environments = append(f.Environments, drawEnvironment(rt))
	}
	if rapid.Bool().Draw(rt, "queue") {
		f.Queue = &batch.JobQueue{Name: "q", Status: rapid.SampledFrom([]batch.ResourceStatus{batch.ResourceValid, batch.ResourceDeleting}).Draw(rt, "queue's")}
		f.Queue.Tags = map[string]string{batchmeta.QueuePaused: rapid.SampledFrom([]string{"true", "false"}).Draw(rt, "paused")}
		f.Queue.JobStateTimeLimitActions = []byte(`[{"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","state":"RUNNABLE","maxTimeSeconds":600,"action":"CANCEL"}]`)
	}
	if job.Current != nil && rapid.Bool().Draw(rt, "home") {
		f.Home = new(drawEnvironment(rt))
		f.Look = &Look{Scheduler: words.Draw(rt, "scheduler"), Failed: rapid.Bool().Draw(rt, "failed")}
	}
	if n := rapid.IntRange(0, 5).Draw(rt, "of"); n > 0 {
		f.Place = batch.Place{Ahead: rapid.IntRange(0, n-1).Draw(rt, "ahead"), Of: n}
	}
	if rapid.Bool().Draw(rt, "shares") {
		f.Shares = &Shares{Standings: make([]Standing, rapid.IntRange(0, 40).Draw(rt, "standings"))}
		for i := range f.Shares.Standings {
			f.Shares.Standings[i] = Standing{Share: string(rune('a' + i)), Waiting: 3}
		}
	}
	for range rapid.IntRange(0, 5).Draw(rt, "admissions") {
		f.Pace.Note(t0.Add(time.Duration(rapid.IntRange(-3600, 7200).Draw(rt, "at"))*time.Second), rapid.IntRange(1, 100).Draw(rt, "n"))
	}
	return f
}

func drawEnvironment(rt *rapid.T) Environment {
	e := Environment{ComputeEnvironment: managed(), UsedMilli: rapid.Int64Range(0, 10_000).Draw(rt, "used")}
	e.State = rapid.SampledFrom([]batch.State{batch.Enabled, batch.Disabled}).Draw(rt, "state")
	e.Status = rapid.SampledFrom([]batch.ResourceStatus{batch.ResourceValid, batch.ResourceInvalid, batch.ResourceCreating, batch.ResourceDeleting}).Draw(rt, "environment's")
	e.StatusReason = rapid.SampledFrom([]string{"", "why", Unreachable("far"), NoCluster("far")}).Draw(rt, "environment's reason")
	if rapid.Bool().Draw(rt, "unmanaged") {
		unmanaged(e.ComputeEnvironment)
	}
	if rapid.Bool().Draw(rt, "report") {
		e.Report = &batch.Report{NodeSeconds: rapid.IntRange(0, 100).Draw(rt, "seconds"), InstanceTypes: "c5.large 2 4096 0 1930 3114 0.085\nc5.metal 96 1 0 96000 1 0"}
	}
	return e
}

func TestPace(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000*60, 0)
	cases := map[string]struct {
		ago  []int // minutes; four jobs each
		rate float64
		over time.Duration
	}{
		"nothing was admitted":    {},
		"much in a short time":    {ago: []int{4, 3, 2, 1}, rate: 4, over: 4 * time.Minute},
		"some in a longer":        {ago: []int{14, 8}, rate: 8.0 / 14, over: 14 * time.Minute},
		"little in the last hour": {ago: []int{50}, rate: 4.0 / 50, over: 50 * time.Minute},
		"what is long ago":        {ago: []int{61}},
		"the last minutes count":  {ago: []int{59, 40, 2, 1, 0}, rate: 12.0 / 5, over: 5 * time.Minute},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p Pace
			for _, ago := range tc.ago {
				p.Note(now.Add(-time.Duration(ago)*time.Minute), 4)
			}
			text, err := p.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			p, err = ReadPace(text)
			rate, over := p.Rate(now)
			if err != nil || rate != tc.rate || over != tc.over || len(text) > 4096 {
				t.Errorf("%v a minute over %v, %v; want %v over %v", rate, over, err, tc.rate, tc.over)
			}
		})
	}
	if _, err := ReadPace([]byte("{")); err == nil {
		t.Error("what is none was read")
	}
}
