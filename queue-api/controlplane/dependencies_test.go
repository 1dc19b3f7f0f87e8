// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// job is the record of a job.
func (f *fixture) job(tb testing.TB, id string) batch.Job {
	tb.Helper()
	job, err := f.store.Job(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	return job
}

// otherID is an id of the same queue that no job has.
func otherID(id string) string {
	if strings.HasSuffix(id, "0") {
		return id[:35] + "1"
	}
	return id[:35] + "0"
}

// submitWith submits a job to queue q with more members.
func (f *fixture) submitWith(tb testing.TB, more string) string {
	tb.Helper()
	return f.submit(tb, `{"jobName":"j","jobQueue":"q","jobDefinition":"d",`+more+`}`)
}

func dependsOn(entries ...string) string { return `"dependsOn":[` + strings.Join(entries, ",") + `]` }

func on(id string) string { return fmt.Sprintf(`{"jobId":%q}`, id) }

// run takes a job or child through its only attempt.
func (f *fixture) run(tb testing.TB, id string, exitCode int) {
	tb.Helper()
	f.step(tb, id, admitted(), bound(), started(), ended(exitCode, ""))
}

// TestSubmitJobThatDepends covers contract 4.8: who is registered, what is unmet and whose end has to be looked at.
func TestSubmitJobThatDepends(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		array       int // size of the new job
		depend      func(t *testing.T, f *fixture) (dependsOn []string, want []batch.Dependency)
		wantStatus  batch.JobStatus
		wantUnmet   []int // indexes into want
		wantSettled bool  // the first dependency
	}{
		"on one that waits": {
			depend: func(t *testing.T, f *fixture) ([]string, []batch.Dependency) {
				t.Helper()
				id := f.submitWith(t, `"tags":{}`)
				return []string{on(id)}, []batch.Dependency{{JobID: id}}
			},
			wantStatus: batch.StatusPending, wantUnmet: []int{0},
		},
		"named by ARN, and twice": {
			depend: func(t *testing.T, f *fixture) ([]string, []batch.Dependency) {
				t.Helper()
				id := f.submitWith(t, `"tags":{}`)
				return []string{on(arnBase + "job/" + id), on(id)}, []batch.Dependency{{JobID: id}}
			},
			wantStatus: batch.StatusPending, wantUnmet: []int{0},
		},
		"on one that succeeded": {
			depend: func(t *testing.T, f *fixture) ([]string, []batch.Dependency) {
				t.Helper()
				id := f.submitWith(t, `"tags":{}`)
				f.run(t, id, 0)
				return []string{on(id)}, []batch.Dependency{{JobID: id}}
			},
			wantStatus: batch.StatusRunnable, wantSettled: true,
		},
		"on one that failed: it is stored and fails when that is drawn": {
			depend: func(t *testing.T, f *fixture) ([]string, []batch.Dependency) {
				t.Helper()
				id := f.submitWith(t, `"tags":{}`)
				f.run(t, id, 1)
				return []string{on(id)}, []batch.Dependency{{JobID: id}}
			},
			wantStatus: batch.StatusPending, wantUnmet: []int{0}, wantSettled: true,
		},
		"across queues, on an array and on a child": {
			depend: func(t *testing.T, f *fixture) ([]string, []batch.Dependency) {
				t.Helper()
				ok(t, f.CreateJobQueue, queueBody("other"))
				array := f.submit(t, `{"jobName":"a","jobQueue":"other","jobDefinition":"d","arrayProperties":{"size":3}}`)
				child := batch.ChildID(array, 2)
				return []string{on(array), on(child)}, []batch.Dependency{{JobID: array}, {JobID: child}}
			},
			wantStatus: batch.StatusPending, wantUnmet: []int{0, 1},
		},
		"N_TO_N on an array of the same size": {
			array: 3,
			depend: func(t *testing.T, f *fixture) ([]string, []batch.Dependency) {
				t.Helper()
				id := f.submitWith(t, `"arrayProperties":{"size":3}`)
				return []string{fmt.Sprintf(`{"jobId":%q,"type":"N_TO_N"}`, id)}, []batch.Dependency{{JobID: id, Type: batch.DependencyNToN}}
			},
			wantStatus: batch.StatusPending,
		},
		"SEQUENTIAL names no job": {
			array: 3,
			depend: func(*testing.T, *fixture) ([]string, []batch.Dependency) {
				return []string{`{"type":"SEQUENTIAL"}`}, []batch.Dependency{{Type: batch.DependencySequential}}
			},
			wantStatus: batch.StatusPending,
		},
		"an array on a job": {
			array: 2,
			depend: func(t *testing.T, f *fixture) ([]string, []batch.Dependency) {
				t.Helper()
				id := f.submitWith(t, `"tags":{}`)
				return []string{on(id)}, []batch.Dependency{{JobID: id}}
			},
			wantStatus: batch.StatusPending, wantUnmet: []int{0},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newBusyFixture(t)
			entries, want := tc.depend(t, f)
			body := dependsOn(entries...)
			if tc.array > 0 {
				body += fmt.Sprintf(`,"arrayProperties":{"size":%d}`, tc.array)
			}
			job := f.job(t, f.submitWith(t, body))
			if diff := cmp.Diff(want, job.DependsOn); diff != "" {
				t.Errorf("dependsOn mismatch (-want +got):\n%s", diff)
			}
			var unmet []string
			for _, i := range tc.wantUnmet {
				unmet = append(unmet, want[i].JobID)
			}
			if diff := cmp.Diff(unmet, job.Unmet); diff != "" || job.Status != tc.wantStatus {
				t.Errorf("got %s, unmet (-want +got):\n%s", job.Status, diff)
			}
			f.wantRegistered(t, &job)
			if tc.wantSettled != f.isSettled(t, want[0].JobID) {
				t.Errorf("the dependency is settled: %v, want %v", !tc.wantSettled, tc.wantSettled)
			}
		})
	}
}

// wantRegistered checks that every job that the new one depends on knows it.
func (f *fixture) wantRegistered(tb testing.TB, job *batch.Job) {
	tb.Helper()
	for _, d := range job.DependsOn {
		if d.JobID == "" {
			continue
		}
		got, err := f.store.Dependents(tb.Context(), d.JobID)
		if err != nil {
			tb.Fatal(err)
		}
		if diff := cmp.Diff([]batch.Dependent{{ID: job.ID, Type: d.Type}}, got); diff != "" {
			tb.Errorf("dependents of %s mismatch (-want +got):\n%s", d.JobID, diff)
		}
	}
}

func (f *fixture) isSettled(tb testing.TB, id string) bool {
	tb.Helper()
	number, err := batch.QueueNumber(id)
	if err != nil {
		return false
	}
	marks, err := f.store.Settled(tb.Context(), number, 0, 100)
	if err != nil {
		tb.Fatal(err)
	}
	for _, m := range marks {
		if m.ID == id {
			return true
		}
	}
	return false
}

// TestSubmitJobThatCannotDepend covers contract 2.4 and 4.8; the message names the entry and the rule.
func TestSubmitJobThatCannotDepend(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	single := f.submitWith(t, `"tags":{}`)
	array := f.submitWith(t, `"arrayProperties":{"size":3}`)
	unknown := otherID(single)
	nToN := func(id string) string { return fmt.Sprintf(`{"jobId":%q,"type":"N_TO_N"}`, id) }
	const three = `,"arrayProperties":{"size":3}`
	cases := map[string]struct{ more, want string }{
		"unknown job":             {dependsOn(on(single), on(unknown)), "dependsOn[1].jobId: Job " + unknown + " does not exist"},
		"no job's id":             {dependsOn(on("x")), "dependsOn[0].jobId: Job x does not exist"},
		"a queue's ARN":           {dependsOn(on(arnBase + "job-queue/q")), "dependsOn[0].jobId: Job " + arnBase + "job-queue/q does not exist"},
		"a child beyond the size": {dependsOn(on(array + ":3")), "dependsOn[0].jobId: Job " + array + ":3 does not exist"},
		"a child of no array":     {dependsOn(on(single + ":0")), "dependsOn[0].jobId: Job " + single + ":0 does not exist"},
		"a node":                  {dependsOn(on(single + "#0")), "dependsOn[0].jobId: Job " + single + "#0 does not exist"},
		"neither id nor type":     {dependsOn(`{}`), "dependsOn[0].jobId is required"},
		"N_TO_N without id":       {dependsOn(`{"type":"N_TO_N"}`) + three, "dependsOn[0].jobId is required"},
		"N_TO_N, no array":        {dependsOn(nToN(array)), "dependsOn[0].type N_TO_N is for array jobs only"},
		"N_TO_N on a single job":  {dependsOn(nToN(single)) + three, "dependsOn[0].jobId: Job " + single + " is not an array job, which type N_TO_N is for"},
		"N_TO_N on a child":       {dependsOn(nToN(array+":0")) + three, "dependsOn[0].jobId: Job " + array + ":0 is not an array job, which type N_TO_N is for"},
		"N_TO_N, sizes differ": {
			dependsOn(nToN(array)) + `,"arrayProperties":{"size":4}`,
			"dependsOn[0].jobId: array job " + array + " has size 3; type N_TO_N is for arrays of the same size, which is 4",
		},
		"SEQUENTIAL with id":   {dependsOn(fmt.Sprintf(`{"jobId":%q,"type":"SEQUENTIAL"}`, array)) + three, "dependsOn[0].jobId must not be specified with type SEQUENTIAL"},
		"SEQUENTIAL, no array": {dependsOn(`{"type":"SEQUENTIAL"}`), "dependsOn[0].type SEQUENTIAL is for array jobs only"},
		"unknown type":         {dependsOn(`{"jobId":"x","type":"X"}`), "dependsOn[0].type: must be one of N_TO_N, SEQUENTIAL"},
		"21 jobs":              {dependsOn(strings.Split(strings.Repeat(on(single)+" ", 20)+on(single), " ")...), "dependsOn must have at most 20 jobs"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := do(t, f.SubmitJob, `{"jobName":"bad","jobQueue":"q","jobDefinition":"d",`+tc.more+`}`)
			wantRefusal(t, err, tc.want)
		})
	}
	t.Cleanup(func() {
		if got, _ := f.store.Dependents(t.Context(), single); len(got) != 0 {
			t.Errorf("a refused job was registered: %v", got)
		}
	})
}

func TestMaxDependenciesCanBeLifted(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	f.cfg.MaxDependencies = 21
	entries := make([]string, 21)
	for i := range entries {
		entries[i] = on(f.submitWith(t, `"tags":{}`))
	}
	if job := f.job(t, f.submitWith(t, dependsOn(entries...))); len(job.Unmet) != 21 {
		t.Errorf("got %d unmet", len(job.Unmet))
	}
}

// TestDescribeJobThatDepends covers contract 3.9: dependsOn as submitted, and why the job does not run.
func TestDescribeJobThatDepends(t *testing.T) {
	t.Parallel()
	f := newBusyFixture(t)
	first := f.submitWith(t, `"tags":{}`)
	second := f.submitWith(t, `"arrayProperties":{"size":2},`+dependsOn(on(first), `{"type":"SEQUENTIAL"}`))
	d := f.describe(t, second, second+":0", second+":1")
	for _, got := range d {
		if len(got.DependsOn) != 2 || *got.DependsOn[0].JobId != first || got.DependsOn[0].Type != nil || got.DependsOn[1].JobId != nil || *got.DependsOn[1].Type != "SEQUENTIAL" {
			t.Errorf("got dependsOn %+v", got.DependsOn)
		}
	}
	want := []string{
		"Waiting for 1 job: " + first + " (RUNNABLE).",
		"Waiting for 1 job: " + first + " (RUNNABLE).",
		"Waiting for 2 jobs: " + first + " (RUNNABLE), " + second + ":0 (PENDING).",
	}
	for i := range d {
		if value(d[i].StatusReason) != want[i] || *d[i].Status != "PENDING" {
			t.Errorf("%s: got %s, %q, want %q", *d[i].JobId, *d[i].Status, value(d[i].StatusReason), want[i])
		}
	}
	f.step(t, second, lifecycle.DependencyEnded{JobID: first})
	f.step(t, second, lifecycle.ChildrenEnded{})
	for _, got := range f.describe(t, second, second+":1") {
		if *got.Status != "FAILED" || *got.StatusReason != "Dependent Job failed" || got.StoppedAt == nil {
			t.Errorf("got %s, %q", *got.Status, value(got.StatusReason))
		}
	}
}
