// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// TestContract has a row for every row of the contract's sections 4.1 (states), 4.3 (retries) and 4.5 (reasons) that the
// state machine decides. The texts are AWS Batch's own, spelt out here: clients compare them.
func TestContract(t *testing.T) {
	t.Parallel()
	end := func(code int, reason string) Ended {
		return Ended{Attempt: 1, Succeeded: code == 0, StatusReason: "Essential container in task exited", Containers: exit(code, reason)}
	}
	host := Ended{Attempt: 1, StatusReason: HostTerminated("i-0123456789abcdef0")}
	up := func(more ...Event) []Event { return append([]Event{admit, bind, start}, more...) }
	rules := func(attempts int, rules ...batch.EvaluateOnExit) batch.Job {
		job := runnable(attempts)
		job.RetryStrategy.EvaluateOnExit = rules
		return job
	}
	spot := []batch.EvaluateOnExit{{OnStatusReason: "Host EC2*", Action: "RETRY"}, {OnReason: "*", Action: "EXIT"}}
	submitted := runnable(1)
	submitted.Status = batch.StatusSubmitted
	const runnableAgain, failed, succeeded = batch.StatusRunnable, batch.StatusFailed, batch.StatusSucceeded
	cases := map[string]struct {
		job           batch.Job
		events        []Event
		wantStatus    batch.JobStatus
		wantReason    string
		wantExit      int    // -1 is absent
		wantContainer string // reason of the last attempt's first container
	}{
		"4.1 PENDING to RUNNABLE: all dependencies SUCCEEDED": {pending("x"), []Event{DependencyEnded{"x", true}}, runnableAgain, "", -1, ""},
		"4.1 PENDING to FAILED: a dependency FAILED":          {pending("x"), []Event{DependencyEnded{"x", false}}, failed, "Dependent Job failed", -1, ""},
		"4.1 RUNNABLE to STARTING: placed on a node":          {runnable(1), []Event{admit, bind}, batch.StatusStarting, "", -1, ""},
		"4.1 STARTING to RUNNING: main container started":     {runnable(1), up(), batch.StatusRunning, "", -1, ""},
		"4.1 RUNNING to SUCCEEDED: all containers exit 0":     {runnable(1), up(end(0, "Completed")), succeeded, "Essential container in task exited", 0, "Completed"},
		"4.1 RUNNING to FAILED: non-zero exit":                {runnable(1), up(end(3, "Error")), failed, "Essential container in task exited", 3, "Error"},
		"4.1 STARTING to FAILED: host loss":                   {runnable(1), []Event{admit, bind, host}, failed, "Host EC2 (instance i-0123456789abcdef0) terminated.", -1, ""},
		"4.1 RUNNING to RUNNABLE: a retry is due":             {runnable(2), up(end(3, "Error")), runnableAgain, "", 3, "Error"},
		"4.1 STARTING to RUNNABLE: a retry is due":            {runnable(2), []Event{admit, bind, host}, runnableAgain, "", -1, ""},
		"4.1 SUBMITTED to FAILED: cancel":                     {submitted, []Event{Cancelled{"r"}}, failed, "r", -1, ""},
		"4.1 PENDING to FAILED: terminate":                    {pending("x"), []Event{Terminated{"r"}}, failed, "r", -1, ""},
		"4.1 RUNNABLE to FAILED: queue deleted":               {runnable(1), []Event{Terminated{ReasonQueueDeleted}}, failed, "JobQueue deleted", -1, ""},
		"4.1 RUNNABLE to FAILED: invalid definition":          {runnable(3), []Event{Rejected{1, "bad"}}, failed, "bad", -1, ""},

		"4.3 attempts 3 are up to two retries, the last fails": {runnable(3), append(up(end(1, "")), admit, Bound{Attempt: 2}, Started{Attempt: 2, At: t1}, nth(2, end(1, "")),
			admit, Bound{Attempt: 3}, Started{Attempt: 3, At: t1}, nth(3, end(4, ""))), failed, "Essential container in task exited", 4, ""},
		"4.3 default 1: no retry":                                {batch.Job{ID: "j", Status: runnableAgain, CreatedAt: t0}, up(end(1, "")), failed, "Essential container in task exited", 1, ""},
		"4.3 no rule matches: retry":                             {rules(2, batch.EvaluateOnExit{OnExitCode: "2", Action: "EXIT"}), up(end(1, "")), runnableAgain, "", 1, ""},
		"4.3 EXIT":                                               {rules(2, batch.EvaluateOnExit{OnExitCode: "1", Action: "exit"}), up(end(1, "")), failed, "Essential container in task exited", 1, ""},
		"4.3 SPOT_INSTANCE_RECLAIMED is retried":                 {rules(2, spot...), up(host), runnableAgain, "", -1, ""},
		"4.3 everything after the Spot rule is not":              {rules(2, spot...), up(end(1, "")), failed, "Essential container in task exited", 1, ""},
		"4.3 CANNOT_PULL_CONTAINER":                              {rules(2, batch.EvaluateOnExit{OnReason: "CannotPullContainerError:*", Action: "EXIT"}), []Event{admit, bind, pullFailed, end(0, "")}, failed, "Task failed to start", -1, "CannotPullContainerError: no such image"},
		"4.3 NON_ZERO_EXIT_CODE":                                 {rules(2, batch.EvaluateOnExit{OnExitCode: "*", Action: "EXIT"}), up(end(9, "")), failed, "Essential container in task exited", 9, ""},
		"4.3 never retried: cancelled":                           {runnable(3), []Event{admit, Cancelled{"r"}}, failed, "r", -1, ""},
		"4.3 never retried: terminated":                          {runnable(3), up(Terminated{"r"}, end(143, "Error")), failed, "r", 143, "Error"},
		"4.3 never retried: timed out":                           {runnable(3), up(TimedOut{1}, end(143, "Error")), failed, "Job attempt duration exceeded timeout", 143, "Error"},
		"4.3 never retried: terminated before the host was lost": {runnable(3), up(Terminated{"r"}, host), failed, "r", -1, ""},

		"4.5 OOM kill":                                  {runnable(1), up(end(137, "OOMKilled")), failed, "Essential container in task exited", 137, "OOMKilled"},
		"4.5 image pull failure":                        {runnable(1), []Event{admit, bind, pullFailed, end(0, "")}, failed, "Task failed to start", -1, "CannotPullContainerError: no such image"},
		"4.5 Spot reclaim, node deleted, node lost":     {runnable(1), up(host), failed, "Host EC2 (instance i-0123456789abcdef0) terminated.", -1, ""},
		"4.5 timeout":                                   {runnable(1), up(TimedOut{1}, end(137, "Error")), failed, "Job attempt duration exceeded timeout", 137, "Error"},
		"4.5 dependency failed":                         {pending("x"), []Event{DependencyEnded{"x", false}}, failed, "Dependent Job failed", -1, ""},
		"4.5 array parent with a failed child":          {array(2, 1), []Event{ChildrenEnded{}}, failed, "Array Child Job failed", -1, ""},
		"4.5 SUCCEEDED array parent: no statusReason":   {array(3, 0), []Event{ChildrenEnded{}}, succeeded, "", -1, ""},
		"4.5 TerminateJob's reason verbatim":            {runnable(1), up(Terminated{" as it is. "}, end(137, "Error")), failed, " as it is. ", 137, "Error"},
		"4.5 time-limit action":                         {runnable(1), []Event{Cancelled{"Canceled by JobStateTimeLimit action due to reason: CAPACITY:X"}}, failed, "Canceled by JobStateTimeLimit action due to reason: CAPACITY:X", -1, ""},
		"4.4 a timeout counts for the attempt, too":     {runnable(1), up(TimedOut{1}, end(0, "Completed")), failed, "Job attempt duration exceeded timeout", 0, "Completed"},
		"4.7 cancel leaves a RUNNING job alone":         {runnable(1), up(Cancelled{"r"}, end(0, "Completed")), succeeded, "Essential container in task exited", 0, "Completed"},
		"4.7 terminating a finished job is a silent no": {runnable(1), up(end(0, "Completed"), Terminated{"r"}), succeeded, "Essential container in task exited", 0, "Completed"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := after(t, tc.job, tc.events...)
			code, container := -1, ""
			if n := len(got.Attempts); n > 0 && len(got.Attempts[n-1].Containers) > 0 {
				c := got.Attempts[n-1].Containers[0]
				container = c.Reason
				if c.ExitCode != nil {
					code = *c.ExitCode
				}
			}
			if got.Status != tc.wantStatus || got.StatusReason != tc.wantReason || code != tc.wantExit || container != tc.wantContainer {
				t.Errorf("got %s %q, exit %d, container %q; want %s %q, %d, %q", got.Status, got.StatusReason, code, container,
					tc.wantStatus, tc.wantReason, tc.wantExit, tc.wantContainer)
			}
			if got.Status == failed && len(got.Attempts) > 0 && got.Attempts[len(got.Attempts)-1].StatusReason != got.StatusReason {
				t.Errorf("the last attempt says %q", got.Attempts[len(got.Attempts)-1].StatusReason)
			}
		})
	}
}

// nth is the same end of another attempt.
func nth(attempt int, ev Ended) Ended {
	ev.Attempt = attempt
	return ev
}

// Contract 4.1: startedAt and stoppedAt are the latest attempt's; createdAt stays.
func TestTimes(t *testing.T) {
	t.Parallel()
	later := t2.Add(time.Hour)
	second := nth(2, success)
	second.StoppedAt = later.Add(time.Minute)
	job := after(t, runnable(2), admit, bind, start, failure1, admit, Bound{Attempt: 2}, Started{Attempt: 2, At: later}, second)
	if job.CreatedAt != t0 || job.StartedAt != later || job.StoppedAt != second.StoppedAt || job.Attempts[0].StartedAt != t1 || job.Attempts[0].StoppedAt != t2 {
		t.Errorf("created %v, started %v, stopped %v, attempts %+v", job.CreatedAt, job.StartedAt, job.StoppedAt, job.Attempts)
	}
}
