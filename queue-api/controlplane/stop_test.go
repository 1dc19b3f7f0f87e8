// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

func TestCancelAndTerminate(t *testing.T) {
	t.Parallel()
	running := []lifecycle.Event{admitted(), bound(), started()}
	cases := map[string]struct {
		events     []lifecycle.Event
		terminate  bool
		want       batch.JobStatus
		wantReason string
		wantStop   batch.StopKind
	}{
		"cancel RUNNABLE":          {want: batch.StatusFailed, wantReason: "why", wantStop: batch.StopCancelled},
		"cancel an admitted job":   {events: running[:1], want: batch.StatusFailed, wantReason: "why", wantStop: batch.StopCancelled},
		"cancel STARTING: nothing": {events: running[:2], want: batch.StatusStarting},
		"cancel RUNNING: nothing":  {events: running, want: batch.StatusRunning},
		"terminate RUNNABLE":       {terminate: true, want: batch.StatusFailed, wantReason: "why", wantStop: batch.StopTerminated},
		"terminate RUNNING: asked": {events: running, terminate: true, want: batch.StatusRunning, wantStop: batch.StopTerminated},
		"terminate a finished job": {
			events: append(running[:3:3], ended(0, "")), terminate: true,
			want: batch.StatusSucceeded, wantReason: lifecycle.ReasonExited,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newBusyFixture(t)
			id := f.submit(t, `{"jobName":"j","jobQueue":"q","jobDefinition":"d"}`)
			f.step(t, id, tc.events...)
			body := fmt.Sprintf(`{"jobId":"arn:aws:batch:r:1:job/%s","reason":"why"}`, id)
			var got string
			if tc.terminate {
				got = ok(t, f.TerminateJob, body)
			} else {
				got = ok(t, f.CancelJob, body)
			}
			wantJSON(t, `{}`, got)
			job, err := f.store.Job(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if job.Status != tc.want || job.StatusReason != tc.wantReason || (job.Stop == nil) != (tc.wantStop == "") || job.Stop != nil && job.Stop.Kind != tc.wantStop {
				t.Errorf("got %s, reason %q, stop %+v", job.Status, job.StatusReason, job.Stop)
			}
		})
	}
}

func TestCancelAndTerminateUnknownJobsSucceed(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	for _, id := range []string{"", "x", "00001abc-0000-4000-8000-000000000000", "00001abc-0000-4000-8000-000000000000:3", "arn:aws:batch:r:1:job-queue/q"} {
		body := fmt.Sprintf(`{"jobId":%q,"reason":"why"}`, id)
		wantJSON(t, `{}`, ok(t, f.CancelJob, body))
		wantJSON(t, `{}`, ok(t, f.TerminateJob, body))
	}
}

func TestStopNeedsAReason(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	for reason, want := range map[string]string{
		`""`:                                  "reason must have 1 to 1024 characters",
		`"` + strings.Repeat("é", 1025) + `"`: "reason must have 1 to 1024 characters",
		`null`:                                "reason: is required",
	} {
		body := `{"jobId":"x","reason":` + reason + `}`
		_, err := do(t, f.CancelJob, body)
		wantRefusal(t, err, want)
		_, err = do(t, f.TerminateJob, body)
		wantRefusal(t, err, want)
	}
	ok(t, f.CancelJob, `{"jobId":"x","reason":"`+strings.Repeat("é", 1024)+`"}`)
}

// bulkBody is a request of the bulk forms.
func bulkBody(reason string, ids ...string) string {
	return fmt.Sprintf(`{"jobs":["%s"],"reason":%q}`, strings.Join(ids, `","`), reason)
}

// TestBulkStops covers contract 2.6: each job lands in one list, unknown ones among the successful, as they were named.
func TestBulkStops(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	waits := f.submitWith(t, `"tags":{}`)
	runs := f.submitWith(t, `"tags":{}`)
	f.step(t, runs, admitted(), bound(), started())
	array := f.submitWith(t, `"arrayProperties":{"size":2}`)
	asked := []string{waits, arnBase + "job/" + runs, array + ":1", "x", "00001abc-0000-4000-8000-000000000000"}
	for range 2 { // a second time changes nothing
		for _, op := range []func(string) string{
			func(body string) string { return ok(t, f.CancelJobs, body) },
			func(body string) string { return ok(t, f.TerminateJobs, body) },
		} {
			wantJSON(t, fmt.Sprintf(`{"successful":["%s"],"errors":[]}`, strings.Join(asked, `","`)), op(bulkBody("enough", asked...)))
		}
	}
	wantJSON(t, `{"successful":[],"errors":[]}`, ok(t, f.CancelJobs, `{"jobs":[],"reason":"r"}`))
	d := f.describe(t, waits, runs, array+":0", array+":1")
	for i, want := range []string{"FAILED", "RUNNING", "RUNNABLE", "FAILED"} {
		if *d[i].Status != want {
			t.Errorf("%s is %s, want %s", *d[i].JobId, *d[i].Status, want)
		}
	}
	if !*d[0].IsCancelled || !*d[1].IsTerminated || *d[3].StatusReason != "enough" {
		t.Errorf("got %+v", d)
	}
}

func TestBulkStopsRefuse(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	many := strings.Split(strings.Repeat("x ", 50)+"x", " ")
	for body, want := range map[string]string{
		bulkBody("r", many...): "jobs must have at most 50 jobs",
		bulkBody("", "x"):      "reason must have 1 to 1024 characters",
		`{"reason":"r"}`:       "jobs: is required",
		`{"jobs":["x"]}`:       "reason: is required",
	} {
		_, err := do(t, f.CancelJobs, body)
		wantRefusal(t, err, want)
		_, err = do(t, f.TerminateJobs, body)
		wantRefusal(t, err, want)
	}
	ok(t, f.TerminateJobs, bulkBody("r", many[:50]...))
}

// flakyJobs is a store that cannot be reached for one job.
type flakyJobs struct {
	JobStore

	down string
}

func (f flakyJobs) Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	if id == f.down {
		return batch.Job{}, errDown
	}
	return f.JobStore.Transition(ctx, id, step)
}

func TestBulkStopsGoOnAfterAFailure(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	first, second := f.submitWith(t, `"tags":{}`), f.submitWith(t, `"tags":{}`)
	f.jobs = flakyJobs{f.jobs, first}
	want := fmt.Sprintf(`{"successful":[%q],"errors":[{"job":%q,"code":"ServerException","message":"The job could not be stopped, please retry"}]}`, second, first)
	wantJSON(t, want, ok(t, f.CancelJobs, bulkBody("r", first, second)))
	wantJSON(t, want, ok(t, f.TerminateJobs, bulkBody("r", first, second)))
}
