// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
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
