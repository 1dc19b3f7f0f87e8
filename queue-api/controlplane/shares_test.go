// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// newShareFixture is a busy one whose queue "fair" has a scheduling policy; definition "p" has a scheduling priority.
func newShareFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := newBusyFixture(tb)
	ok(tb, f.CreateJobQueue, queueBody("fair"))
	_, err := f.store.UpdateQueue(tb.Context(), "fair", func(q *batch.JobQueue) error {
		q.SchedulingPolicy = "policy"
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	ok(tb, f.RegisterJobDefinition, strings.Replace(strings.Replace(containerDefinition, `"d"`, `"p"`, 1), `"type":`, `"schedulingPriority":7,"type":`, 1))
	return f
}

// TestShareAndPriority covers contract 2.4 and 5.4: who has a share and a priority, and what is shown of them.
func TestShareAndPriority(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		queue, definition, more string
		wantShare               string
		wantPriority            int
		wantShown               *int
	}{
		"FIFO: no share, priority without effect": {"q", "p", "", "", 0, new(7)},
		"FIFO: an override has no effect":         {"q", "d", `,"schedulingPriorityOverride":9`, "", 0, nil},
		"the definition's priority":               {"fair", "p", `,"shareIdentifier":"blue"`, "blue", 7, new(7)},
		"the override wins":                       {"fair", "p", `,"shareIdentifier":"blue","schedulingPriorityOverride":0`, "blue", 0, new(0)},
		"no priority is 0":                        {"fair", "d", `,"shareIdentifier":"Blue2"`, "Blue2", 0, new(0)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newShareFixture(t)
			id := f.submit(t, fmt.Sprintf(`{"jobName":"j","jobQueue":%q,"jobDefinition":%q%s}`, tc.queue, tc.definition, tc.more))
			job := f.job(t, id)
			if job.ShareIdentifier != tc.wantShare || job.SchedulingPriority != tc.wantPriority {
				t.Errorf("stored share %q, priority %d", job.ShareIdentifier, job.SchedulingPriority)
			}
			d := f.describe(t, id)[0]
			if value(d.ShareIdentifier) != tc.wantShare || (d.SchedulingPriority == nil) != (tc.wantShown == nil) || value(d.SchedulingPriority) != value(tc.wantShown) {
				t.Errorf("shown share %q, priority %v", value(d.ShareIdentifier), d.SchedulingPriority)
			}
			s := reply(t, f.ListJobs, fmt.Sprintf(`{"jobQueue":%q,"jobStatus":"RUNNABLE"}`, tc.queue)).JobSummaryList[0]
			if value(s.ShareIdentifier) != tc.wantShare {
				t.Errorf("listed share %q", value(s.ShareIdentifier))
			}
		})
	}
}

func TestSubmitJobRefusesShares(t *testing.T) {
	t.Parallel()
	f := newShareFixture(t)
	const form = "shareIdentifier must be at most 255 letters and digits"
	cases := map[string]struct{ body, want string }{
		"none on a fair-share queue": {`"jobQueue":"fair"`, "shareIdentifier is required for a job queue with a scheduling policy"},
		"an empty one there":         {`"jobQueue":"fair","shareIdentifier":""`, "shareIdentifier is required for a job queue with a scheduling policy"},
		"one on a FIFO queue":        {`"jobQueue":"q","shareIdentifier":"a"`, "shareIdentifier cannot be specified for a job queue without a scheduling policy"},
		"a prefix":                   {`"jobQueue":"fair","shareIdentifier":"a*"`, form},
		"a hyphen":                   {`"jobQueue":"fair","shareIdentifier":"a-b"`, form},
		"not ASCII":                  {`"jobQueue":"fair","shareIdentifier":"é"`, form},
		"256 characters":             {`"jobQueue":"fair","shareIdentifier":"` + strings.Repeat("a", 256) + `"`, form},
		"priority 10000":             {`"jobQueue":"fair","shareIdentifier":"a","schedulingPriorityOverride":10000`, "schedulingPriorityOverride must be between 0 and 9999"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := do(t, f.SubmitJob, `{"jobName":"j","jobDefinition":"d",`+tc.body+`}`)
			wantRefusal(t, err, tc.want)
		})
	}
}

// TestSubmitJobToTheShareBeyondTheLast covers contract 5.3: at most 500 active shares.
func TestSubmitJobToTheShareBeyondTheLast(t *testing.T) {
	t.Parallel()
	f := newShareFixture(t)
	submit := func(share int) error {
		_, err := f.SubmitJob(t.Context(), caller, &awsapi.SubmitJobRequest{
			JobName: new("j"), JobQueue: new("fair"), JobDefinition: new("d"), ShareIdentifier: new(fmt.Sprintf("s%d", share)),
		})
		return err
	}
	for i := range storetest.MaxActiveShares {
		if err := submit(i); err != nil {
			t.Fatal(err)
		}
	}
	wantRefusal(t, submit(storetest.MaxActiveShares), "shareIdentifier: JobQueue fair has as many active shares as there may be, which is 500")
	if err := submit(0); err != nil {
		t.Errorf("a share that is active already: %v", err)
	}
}

// TestListJobsOfShares covers contract 2.5: SHARE_IDENTIFIER is the only filter that goes with jobStatus.
func TestListJobsOfShares(t *testing.T) {
	t.Parallel()
	f := newShareFixture(t)
	for i, share := range []string{"blue", "red", "blue"} {
		f.clock.SetTime(t0.Add(time.Duration(i) * time.Second))
		id := f.submit(t, fmt.Sprintf(`{"jobName":"%s%d","jobQueue":"fair","jobDefinition":"d","shareIdentifier":%q}`, share, i, share))
		if i == 2 {
			f.step(t, id, admitted(), bound(), started())
		}
	}
	query := func(more string, shares ...string) string {
		return fmt.Sprintf(`{"jobQueue":"fair","filters":[{"name":"SHARE_IDENTIFIER","values":["%s"]}]%s}`, strings.Join(shares, `","`), more)
	}
	cases := map[string]struct{ query, want string }{
		"one share, every status": {query("", "blue"), "blue2 blue0"},
		"either of two":           {query("", "blue", "red"), "blue2 red1 blue0"},
		"case matters":            {query("", "Blue"), ""},
		"with a status":           {query(`,"jobStatus":"RUNNABLE"`, "blue"), "blue0"},
		"page by page":            {query(`,"maxResults":1`, "blue"), "blue2 blue0"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, _ := f.listed(t, tc.query); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	token := *reply(t, f.ListJobs, query(`,"maxResults":1`, "blue")).NextToken
	_, err := do(t, f.ListJobs, query(`,"jobStatus":"RUNNABLE","nextToken":"`+token+`"`, "blue"))
	wantRefusal(t, err, "nextToken is not a token of this list")
}
