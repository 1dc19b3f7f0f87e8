// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

// array is the parent of three children, which ended as told.
func array(succeeded, failed int) batch.Job {
	return batch.Job{
		ID: "a", Status: batch.StatusPending, CreatedAt: t0, ArraySize: 3,
		Children: map[batch.JobStatus]int{
			batch.StatusSucceeded: succeeded, batch.StatusFailed: failed, batch.StatusRunning: 3 - succeeded - failed,
		},
	}
}

func pending(unmet ...string) batch.Job {
	return batch.Job{ID: "j", Status: batch.StatusPending, CreatedAt: t0, Unmet: unmet}
}

func arrayAfter(job batch.Job, unmet ...string) batch.Job {
	job.Unmet = unmet
	return job
}

func TestArraysAndDependencies(t *testing.T) {
	t.Parallel()
	met := func(id string) Event { return DependencyEnded{JobID: id, Succeeded: true} }
	lost := func(id string) Event { return DependencyEnded{JobID: id} }
	cases := map[string]struct {
		section    string // of the contract
		job        batch.Job
		events     []Event
		wantStatus batch.JobStatus
		wantReason string
		wantRest   string
		wantUnmet  []string
	}{
		"one of two dependencies succeeded":                 {"4.8", pending("x", "y"), []Event{met("x")}, batch.StatusPending, "", "", []string{"y"}},
		"all dependencies succeeded":                        {"4.1", pending("x", "y"), []Event{met("x"), met("y")}, batch.StatusRunnable, "", "", nil},
		"told twice":                                        {"4.8", pending("x", "y"), []Event{met("x"), met("x")}, batch.StatusPending, "", "", []string{"y"}},
		"a stranger's success":                              {"4.8", pending("x"), []Event{met("z")}, batch.StatusPending, "", "", []string{"x"}},
		"a dependency failed":                               {"4.1", pending("x", "y"), []Event{lost("y")}, batch.StatusFailed, ReasonDependencyFailed, "", []string{"x", "y"}},
		"a stranger's failure":                              {"4.8", pending("x"), []Event{lost("z")}, batch.StatusPending, "", "", []string{"x"}},
		"a failure after the success":                       {"4.8", pending("x"), []Event{met("x"), lost("x")}, batch.StatusRunnable, "", "", nil},
		"the first of a SEQUENTIAL array is let go":         {"4.8", pending(), []Event{met("")}, batch.StatusRunnable, "", "", nil},
		"a job that waits is not let go":                    {"4.8", pending("x"), []Event{met("")}, batch.StatusPending, "", "", []string{"x"}},
		"cancelled while PENDING":                           {"4.7", pending("x"), []Event{Cancelled{"enough"}}, batch.StatusFailed, "enough", "", []string{"x"}},
		"an array stays PENDING when it may run":            {"4.9", arrayAfter(array(0, 0), "x"), []Event{met("x")}, batch.StatusPending, "", "", nil},
		"an array whose dependency failed":                  {"4.9", arrayAfter(array(0, 0), "x"), []Event{lost("x")}, batch.StatusPending, "", ReasonDependencyFailed, []string{"x"}},
		"fails with its children":                           {"4.8", arrayAfter(array(0, 3), "x"), []Event{lost("x"), ChildrenEnded{}}, batch.StatusFailed, ReasonDependencyFailed, ReasonDependencyFailed, []string{"x"}},
		"and cannot be cancelled any more":                  {"4.7", arrayAfter(array(0, 3), "x"), []Event{lost("x"), Cancelled{"late"}, ChildrenEnded{}}, batch.StatusFailed, ReasonDependencyFailed, ReasonDependencyFailed, []string{"x"}},
		"children still run":                                {"4.9", array(1, 1), []Event{ChildrenEnded{}}, batch.StatusPending, "", "", nil},
		"all children succeeded: no reason":                 {"4.5", array(3, 0), []Event{ChildrenEnded{}}, batch.StatusSucceeded, "", "", nil},
		"one child failed":                                  {"4.5", array(2, 1), []Event{ChildrenEnded{}}, batch.StatusFailed, ReasonChildFailed, "", nil},
		"told twice that children ended":                    {"4.1", array(2, 1), []Event{ChildrenEnded{}, ChildrenEnded{}}, batch.StatusFailed, ReasonChildFailed, "", nil},
		"a cancelled array waits for its children":          {"4.7", array(0, 1), []Event{Cancelled{"enough"}}, batch.StatusPending, "", "enough", nil},
		"and fails with the caller's reason":                {"4.7", array(1, 2), []Event{Cancelled{"enough"}, ChildrenEnded{}}, batch.StatusFailed, "enough", "enough", nil},
		"an array terminated too late succeeds":             {"4.9", array(3, 0), []Event{Terminated{"enough"}, ChildrenEnded{}}, batch.StatusSucceeded, "", "enough", nil},
		"terminate outdoes cancel":                          {"4.7", array(0, 3), []Event{Cancelled{"a"}, Terminated{"b"}, ChildrenEnded{}}, batch.StatusFailed, "b", "a", nil},
		"cancel does not outdo terminate":                   {"4.7", array(0, 3), []Event{Terminated{"b"}, Cancelled{"a"}, ChildrenEnded{}}, batch.StatusFailed, "b", "b", nil},
		"a final array is left alone":                       {"4.7", array(3, 0), []Event{ChildrenEnded{}, Terminated{"late"}}, batch.StatusSucceeded, "", "", nil},
		"a job that is no array has no children":            {"4.9", runnable(1), []Event{ChildrenEnded{}}, batch.StatusRunnable, "", "", nil},
		"blocked explains no array: it is never RUNNABLE":   {"4.9", array(0, 0), []Event{Blocked{"CAPACITY:X - y"}}, batch.StatusPending, "", "", nil},
		"a dependency's end is old news to a RUNNABLE job":  {"4.8", runnable(1), []Event{lost("x")}, batch.StatusRunnable, "", "", nil},
		"a dependency's end is old news to a job that ends": {"4.8", pending("x"), []Event{Cancelled{"enough"}, met("x")}, batch.StatusFailed, "enough", "", []string{"x"}},
	}
	for name, tc := range cases {
		t.Run(tc.section+" "+name, func(t *testing.T) {
			t.Parallel()
			got := after(t, tc.job, tc.events...)
			rest := ""
			if got.Rest != nil {
				rest = got.Rest.Reason
			}
			if got.Status != tc.wantStatus || got.StatusReason != tc.wantReason || rest != tc.wantRest {
				t.Errorf("got %s %q, rest %q; want %s %q, %q", got.Status, got.StatusReason, rest, tc.wantStatus, tc.wantReason, tc.wantRest)
			}
			if diff := cmp.Diff(tc.wantUnmet, got.Unmet); diff != "" {
				t.Errorf("unmet mismatch (-want +got):\n%s", diff)
			}
			if got.Status.IsTerminal() == got.StoppedAt.IsZero() {
				t.Errorf("%s with stoppedAt %v", got.Status, got.StoppedAt)
			}
		})
	}
}

// Contract 4.9: an array's parent is not admitted; its children are.
func TestArrayIsNeverAdmitted(t *testing.T) {
	t.Parallel()
	job := array(0, 0)
	job.Status = batch.StatusRunnable
	if _, _, err := Step(job, admit, t2); err == nil {
		t.Error("admitted")
	}
	parent := array(0, 0)
	child := parent.Child(2, batch.StatusRunnable)
	if got := after(t, child, admit, bind, start, success); got.Status != batch.StatusSucceeded || got.ID != "a:2" {
		t.Errorf("child %s is %s", got.ID, got.Status)
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	const (
		capacity = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
		actions  = `[{"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","state":"RUNNABLE","maxTimeSeconds":900,"action":"CANCEL"},
			{"reason":"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY","state":"RUNNABLE","maxTimeSeconds":600,"action":"CANCEL"}]`
		cancels = "Canceled by JobStateTimeLimit action due to reason: " + capacity
	)
	blocked := func(reasons ...string) batch.Job {
		job := runnable(1)
		for i, reason := range reasons {
			job, _, _ = Step(job, Blocked{reason}, t0.Add(time.Duration(i)*time.Minute))
		}
		return job
	}
	cases := map[string]struct { // contract 5.7
		actions   string
		job       batch.Job
		at        time.Duration // after t0
		want      string
		wantAfter time.Duration
	}{
		"the soonest action counts":             {actions, blocked(capacity + " - x"), time.Minute, cancels, 9 * time.Minute},
		"due":                                   {actions, blocked(capacity + " - x"), 10 * time.Minute, cancels, 0},
		"overdue":                               {actions, blocked(capacity + " - x"), 11 * time.Minute, cancels, -time.Minute},
		"the sentence may change":               {actions, blocked(capacity+" - x", capacity+" - y"), time.Minute, cancels, 9 * time.Minute},
		"another code starts anew":              {actions, blocked("UNDETERMINED - x", capacity+" - x"), time.Minute, cancels, 10 * time.Minute},
		"a code that came back starts anew":     {actions, blocked(capacity+" - x", "", capacity+" - x"), 2 * time.Minute, cancels, 10 * time.Minute},
		"a code without an action":              {actions, blocked("UNDETERMINED - x"), time.Hour, "", 0},
		"not blocked":                           {actions, runnable(1), time.Hour, "", 0},
		"a queue without actions":               {"", blocked(capacity + " - x"), time.Hour, "", 0},
		"a code with AWS's en dash":             {`[{"reason":"M:S","state":"RUNNABLE","maxTimeSeconds":600,"action":"CANCEL"}]`, blocked("M:S – x"), 0, "Canceled by JobStateTimeLimit action due to reason: M:S", 10 * time.Minute},
		"an action of no state that can be now": {`[{"reason":"M:S","state":"RUNNING","maxTimeSeconds":600}]`, blocked("M:S - x"), 0, "", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, due := TimeLimit([]byte(tc.actions), tc.job, t0.Add(tc.at))
			if got != tc.want || due != tc.wantAfter {
				t.Errorf("got %q after %v, want %q after %v", got, due, tc.want, tc.wantAfter)
			}
		})
	}
}

// Contract 5.8: the reason is cleared when the job moves.
func TestBlockedAtGoesWithTheReason(t *testing.T) {
	t.Parallel()
	for name, ev := range map[string]Event{"cleared": Blocked{""}, "admitted": admit, "cancelled": Cancelled{"enough"}} {
		if job := after(t, runnable(1), Blocked{"CAPACITY:X - y"}, ev); !job.BlockedAt.IsZero() {
			t.Errorf("%s: blockedAt %v", name, job.BlockedAt)
		}
	}
	if job := after(t, runnable(1), admit, Blocked{"CAPACITY:X - y"}, bind); !job.BlockedAt.IsZero() || job.StatusReason != "" {
		t.Errorf("bound: blockedAt %v, %q", job.BlockedAt, job.StatusReason)
	}
}
