// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

var (
	t0 = time.UnixMilli(1_700_000_000_000).UTC()
	t1 = t0.Add(time.Second)
	t2 = t0.Add(2 * time.Second)
)

func exit(code int, reason string) []batch.ContainerOutcome {
	return []batch.ContainerOutcome{{Name: "default", ExitCode: &code, Reason: reason}}
}

func runnable(attempts int) batch.Job {
	return batch.Job{ID: "j", Status: batch.StatusRunnable, CreatedAt: t0, RetryStrategy: &batch.RetryStrategy{Attempts: attempts}}
}

// after plays events onto a job at t2.
func after(t *testing.T, job batch.Job, evs ...Event) batch.Job {
	t.Helper()
	for _, ev := range evs {
		next, _, err := Step(job, ev, t2)
		if err != nil {
			t.Fatalf("step %T: %v", ev, err)
		}
		job = next
	}
	return job
}

var (
	admit      = Admitted{ComputeEnvironment: "ce", PodName: "p", PodNamespace: "ns"}
	bind       = Bound{Attempt: 1, NodeName: "n", InstanceID: "i-1"}
	start      = Started{Attempt: 1, At: t1}
	pullFailed = StartFailed{Attempt: 1, Container: "default", Reason: "CannotPullContainerError: no such image"}
	success    = Ended{Attempt: 1, Succeeded: true, StatusReason: ReasonExited, Containers: exit(0, "Completed")}
	failure1   = Ended{Attempt: 1, StatusReason: ReasonExited, Containers: exit(3, "Error")}
	preempted  = Ended{Attempt: 1, Preempted: true, StatusReason: ReasonPreempted, Containers: exit(143, "Error")}
	doneInTime = Ended{Attempt: 1, Preempted: true, Succeeded: true, StatusReason: ReasonExited, Containers: exit(0, "Completed")}
)

func TestStep(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		job         batch.Job
		events      []Event
		wantStatus  batch.JobStatus
		wantReason  string
		wantEffects []Effect // of the last event
		wantEnded   int
	}{
		"admission keeps RUNNABLE":                      {runnable(1), []Event{admit}, batch.StatusRunnable, "", nil, 0},
		"a bound pod makes STARTING":                    {runnable(1), []Event{admit, bind}, batch.StatusStarting, "", nil, 0},
		"running containers make RUNNING":               {runnable(1), []Event{admit, bind, start}, batch.StatusRunning, "", nil, 0},
		"exit 0 succeeds with AWS's reason":             {runnable(1), []Event{admit, bind, start, success}, batch.StatusSucceeded, ReasonExited, []Effect{ReleasePod, Dispatch}, 1},
		"exit 3 with no attempt left fails":             {runnable(1), []Event{admit, bind, start, failure1}, batch.StatusFailed, ReasonExited, []Effect{ReleasePod, Dispatch}, 1},
		"exit 3 with attempts left is RUNNABLE again":   {runnable(3), []Event{admit, bind, start, failure1}, batch.StatusRunnable, "", []Effect{ReleasePod, Dispatch}, 1},
		"a preempted attempt does not count":            {runnable(1), []Event{admit, bind, start, preempted}, batch.StatusRunnable, "", []Effect{ReleasePod, Dispatch}, 1},
		"nor does one that had not started":             {runnable(1), []Event{admit, bind, preempted}, batch.StatusRunnable, "", []Effect{ReleasePod, Dispatch}, 1},
		"what was preempted and done succeeds":          {runnable(1), []Event{admit, bind, start, doneInTime}, batch.StatusSucceeded, ReasonExited, []Effect{ReleasePod, Dispatch}, 1},
		"terminate wins over preemption":                {runnable(3), []Event{admit, bind, start, Terminated{"enough"}, preempted}, batch.StatusFailed, "enough", []Effect{ReleasePod, Dispatch}, 1},
		"a lost node before start counts as an attempt": {runnable(2), []Event{admit, bind, Ended{Attempt: 1, StatusReason: HostTerminated("i-1")}}, batch.StatusRunnable, "", []Effect{ReleasePod, Dispatch}, 1},
		"a repeated end only releases the pod":          {runnable(1), []Event{admit, bind, start, success, failure1}, batch.StatusSucceeded, ReasonExited, []Effect{ReleasePod}, 1},
		"withdrawing uses no attempt up":                {runnable(1), []Event{admit, Withdrawn{Attempt: 1}}, batch.StatusRunnable, "", []Effect{Dispatch}, 0},
		"withdrawing a bound attempt does nothing":      {runnable(1), []Event{admit, bind, Withdrawn{Attempt: 1}}, batch.StatusStarting, "", nil, 0},
		"cancel fails a waiting job":                    {runnable(1), []Event{Cancelled{"enough"}}, batch.StatusFailed, "enough", nil, 0},
		"cancel stops an admitted pod":                  {runnable(1), []Event{admit, Cancelled{"enough"}}, batch.StatusFailed, "enough", []Effect{StopPod, Dispatch}, 0},
		"cancel leaves a STARTING job alone":            {runnable(1), []Event{admit, bind, Cancelled{"enough"}}, batch.StatusStarting, "", nil, 0},
		"terminate stops a RUNNING job's pod":           {runnable(1), []Event{admit, bind, start, Terminated{"enough"}}, batch.StatusRunning, "", []Effect{StopPod}, 0},
		"a terminated job fails and is not retried":     {runnable(3), []Event{admit, bind, start, Terminated{"enough"}, failure1}, batch.StatusFailed, "enough", []Effect{ReleasePod, Dispatch}, 1},
		"terminate wins over exit code 0":               {runnable(1), []Event{admit, bind, start, Terminated{"enough"}, success}, batch.StatusFailed, "enough", []Effect{ReleasePod, Dispatch}, 1},
		"a timeout fails with AWS's words, no retry":    {runnable(3), []Event{admit, bind, start, TimedOut{1}, failure1}, batch.StatusFailed, ReasonTimedOut, []Effect{ReleasePod, Dispatch}, 1},
		"a timeout of an older attempt does nothing":    {runnable(3), []Event{admit, bind, start, failure1, admit, TimedOut{1}}, batch.StatusRunnable, "", nil, 1},
		"blocked explains a RUNNABLE job":               {runnable(1), []Event{Blocked{"CAPACITY:X - y"}}, batch.StatusRunnable, "CAPACITY:X - y", nil, 0},
		"admission clears the explanation":              {runnable(1), []Event{Blocked{"CAPACITY:X - y"}, admit}, batch.StatusRunnable, "", nil, 0},
		"a failed start stops the pod":                  {runnable(1), []Event{admit, bind, pullFailed}, batch.StatusStarting, "", []Effect{StopPod}, 0},
		"a failed start fails with AWS's words":         {runnable(1), []Event{admit, bind, pullFailed, failure1}, batch.StatusFailed, ReasonStartFailed, []Effect{ReleasePod, Dispatch}, 1},
		"a failed start is retried":                     {runnable(2), []Event{admit, bind, pullFailed, failure1}, batch.StatusRunnable, "", []Effect{ReleasePod, Dispatch}, 1},
		"a job whose pod cannot be made at all fails":   {runnable(3), []Event{Rejected{1, "bad"}}, batch.StatusFailed, "bad", []Effect{Dispatch}, 0},
		"a rejected pod fails the job, no retry":        {runnable(3), []Event{admit, Rejected{1, "spec.x: Invalid value"}}, batch.StatusFailed, "spec.x: Invalid value", []Effect{Dispatch}, 0},
		"terminate after the end changes nothing":       {runnable(1), []Event{admit, bind, start, success, Terminated{"late"}}, batch.StatusSucceeded, ReasonExited, nil, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			last := len(tc.events) - 1
			job := after(t, tc.job, tc.events[:last]...)
			got, effects, err := Step(job, tc.events[last], t2)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != tc.wantStatus || got.StatusReason != tc.wantReason || len(got.Attempts) != tc.wantEnded {
				t.Errorf("got %s %q with %d attempts, want %s %q with %d", got.Status, got.StatusReason, len(got.Attempts),
					tc.wantStatus, tc.wantReason, tc.wantEnded)
			}
			if diff := cmp.Diff(tc.wantEffects, effects); diff != "" {
				t.Errorf("effects mismatch (-want +got):\n%s", diff)
			}
			if got.Status.IsTerminal() == got.StoppedAt.IsZero() {
				t.Errorf("%s with stoppedAt %v", got.Status, got.StoppedAt)
			}
		})
	}
}

func TestStepRefusesASecondAdmission(t *testing.T) {
	t.Parallel()
	job := after(t, runnable(1), admit)
	if _, _, err := Step(job, admit, t2); !errors.Is(err, ErrIllegalTransition) {
		t.Errorf("got %v, want %v", err, ErrIllegalTransition)
	}
}

func TestStepDoesNotModifyItsInput(t *testing.T) {
	t.Parallel()
	job := after(t, runnable(2), admit, bind, start)
	before := clone(job)
	after(t, job, failure1, admit)
	if diff := cmp.Diff(before, job); diff != "" {
		t.Errorf("input changed (-before +after):\n%s", diff)
	}
}
