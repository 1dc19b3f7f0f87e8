// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/faults/check"
	"github.com/muster-batch/muster/queue-api/batch"
)

// Ids of a job, an array and a gang.
const (
	job   = "00001a1a-0000-4000-8000-000000000001"
	array = "00001a1a-0000-4000-8000-000000000002"
	gang  = "00001a1a-0000-4000-8000-000000000003"
	late  = "00001a1a-0000-4000-8000-000000000004"
)

var noon = time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)

// run is one from and to a second after noon.
func run(part check.Part, attempt, from, to, exitCode int) check.Run {
	return check.Run{
		Attempt: check.Attempt{Part: part, Number: attempt}, UID: part.JobID() + "/" + string(rune('a'+attempt+part.Node)),
		Start: noon.Add(time.Duration(from) * time.Second), End: noon.Add(time.Duration(to) * time.Second),
		How: check.Exited, ExitCode: exitCode, Reported: true,
	}
}

func single(id string) check.Part           { return check.Part{Job: id, Index: -1, Node: -1} }
func child(id string, index int) check.Part { return check.Part{Job: id, Index: index, Node: -1} }
func member(index int) check.Part           { return check.Part{Job: gang, Index: -1, Node: index} }

func ended(status batch.JobStatus, exitCodes ...int) check.Job {
	j := check.Job{Status: status}
	for _, code := range exitCodes {
		j.Attempts = append(j.Attempts, check.Outcome{ExitCode: &code})
	}
	return j
}

// whole is a world in which every promise held: a job that was retried, an array, a gang and a job that waited for the array.
func whole() *check.World {
	return &check.World{
		Submits: []check.Submit{
			{Invocation: "1", JobIDs: []string{job, job}, Attempts: 2},
			{Invocation: "2", JobIDs: []string{array}, Children: 2, Attempts: 1, Sequential: true},
			{Invocation: "3", JobIDs: []string{gang}, Nodes: 2, Attempts: 1},
			{Invocation: "4", JobIDs: []string{late}, Attempts: 1, DependsOn: []string{array}},
		},
		Jobs: map[string]check.Job{
			job:                     ended(batch.StatusSucceeded, 1, 0),
			array:                   {Status: batch.StatusSucceeded, Summary: map[batch.JobStatus]int{batch.StatusSucceeded: 2}},
			batch.ChildID(array, 0): ended(batch.StatusSucceeded, 0),
			batch.ChildID(array, 1): ended(batch.StatusSucceeded, 0),
			gang:                    ended(batch.StatusSucceeded, 0),
			late:                    ended(batch.StatusSucceeded, 0),
		},
		Runs: []check.Run{
			run(single(job), 1, 0, 1, 1), run(single(job), 2, 2, 3, 0), run(child(array, 0), 1, 0, 1, 0), run(child(array, 1), 1, 2, 3, 0),
			run(member(0), 1, 0, 2, 0), run(member(1), 1, 0, 2, 0), run(single(late), 1, 4, 5, 0),
		},
		Changes: map[string][]check.Change{job: {
			{"", batch.StatusSubmitted},
			{batch.StatusSubmitted, batch.StatusRunnable},
			{batch.StatusRunnable, batch.StatusRunnable},
			{batch.StatusRunnable, batch.StatusStarting},
			{batch.StatusStarting, batch.StatusRunning},
			{batch.StatusRunning, batch.StatusRunnable},
			{batch.StatusRunnable, batch.StatusStarting},
			{batch.StatusStarting, batch.StatusRunning},
			{batch.StatusRunning, batch.StatusSucceeded},
		}},
		Ended: []check.Ending{{Instance: "i-1"}}, Launches: 1,
	}
}

// broken are the rules that are broken in a world.
func broken(w *check.World) []string {
	var out []string
	for _, f := range check.Check(w) {
		if len(f.Violations) > 0 {
			out = append(out, f.Rule)
		}
	}
	return out
}

func TestViolationsAreFound(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		harm func(*check.World)
		want []string
	}{
		"all is well": {harm: func(*check.World) {}},
		"a job is lost": {
			harm: func(w *check.World) { delete(w.Jobs, late) }, want: []string{"accepted jobs end, once"},
		},
		"a job never ends": {
			harm: func(w *check.World) { w.Jobs[late] = check.Job{Status: batch.StatusRunnable} },
			want: []string{"accepted jobs end, once", "attempts within the strategy"},
		},
		"a repeated submit makes a second job": {
			harm: func(w *check.World) { w.Submits[0].JobIDs[1] = "other" }, want: []string{"one job an invocation"},
		},
		"two submits make one job": {
			harm: func(w *check.World) { w.Submits[3] = w.Submits[0]; w.Submits[3].Invocation = "4" }, want: []string{"one job an invocation"},
		},
		"a state is skipped": {
			harm: func(w *check.World) {
				w.Changes[job] = []check.Change{{"", batch.StatusRunnable}, {batch.StatusRunnable, batch.StatusSucceeded}}
			},
			want: []string{"legal order of states"},
		},
		"a job leaves its end": {
			harm: func(w *check.World) {
				w.Changes[job] = append(w.Changes[job], check.Change{From: batch.StatusSucceeded, To: batch.StatusFailed})
			},
			want: []string{"legal order of states"},
		},
		"a change is missing": {
			harm: func(w *check.World) {
				w.Changes[job] = append(w.Changes[job][:2:2], w.Changes[job][3:]...)
				w.Changes[job][2].From = batch.StatusPending
			},
			want: []string{"legal order of states"},
		},
		"an array lost a child": {
			harm: func(w *check.World) { w.Jobs[array].Summary[batch.StatusSucceeded] = 1 }, want: []string{"array counts add up"},
		},
		"an array succeeds without a child": {
			harm: func(w *check.World) {
				w.Jobs[array].Summary[batch.StatusSucceeded], w.Jobs[array].Summary[batch.StatusFailed] = 1, 1
			},
			want: []string{"array counts add up"},
		},
		"two attempts run at once": {
			harm: func(w *check.World) { w.Runs[1].Start = noon }, want: []string{"never two at once"},
		},
		"two pods of one attempt run at once": {
			harm: func(w *check.World) { w.Runs = append(w.Runs, run(member(1), 1, 1, 2, 0)) }, want: []string{"never two at once"},
		},
		"an attempt follows a success": {
			harm: func(w *check.World) {
				w.Runs = append(w.Runs, run(single(late), 2, 6, 7, 0))
				w.Submits[3].Attempts = 2
				w.Jobs[late] = ended(batch.StatusSucceeded, 0, 0)
			},
			want: []string{"no start after success"},
		},
		"one does because nobody could know of it": {
			harm: func(w *check.World) {
				w.Runs[6].Reported = false
				w.Runs = append(w.Runs, run(single(late), 2, 6, 7, 0))
				w.Submits[3].Attempts = 2
				w.Jobs[late] = ended(batch.StatusSucceeded, 0, 0)
			},
		},
		"a job succeeds that never ran": {
			harm: func(w *check.World) { w.Runs = w.Runs[:6] }, want: []string{"outcomes are what happened"},
		},
		"a job fails that ran with success": {
			harm: func(w *check.World) { w.Jobs[late] = ended(batch.StatusFailed, 0) }, want: []string{"outcomes are what happened"},
		},
		"an exit code is another one's": {
			harm: func(w *check.World) { w.Jobs[job] = ended(batch.StatusSucceeded, 2, 0) }, want: []string{"outcomes are what happened"},
		},
		"one try too many": {
			harm: func(w *check.World) { w.Submits[0].Attempts = 1 }, want: []string{"attempts within the strategy"},
		},
		"one that does not count": {
			harm: func(w *check.World) { w.Submits[0].Attempts = 1; w.Jobs[job].Attempts[0].Uncounted = true },
		},
		"the attack deletes a member of a gang before it starts": {
			harm: func(w *check.World) {
				w.Runs = append(w.Runs[:5:5], w.Runs[6])
				w.Removed = []check.Attempt{{Part: member(0), Number: 1}, {Part: member(1), Number: 1}}
			},
		},
		"a member of a gang is bound to a node that is gone": {
			harm: func(w *check.World) {
				w.Runs = append(w.Runs[:5:5], w.Runs[6])
				w.Bound = []check.Attempt{{Part: member(0), Number: 1}, {Part: member(1), Number: 1}}
			},
		},
		"a member was bound in another attempt only": {
			harm: func(w *check.World) {
				w.Runs = append(w.Runs[:5:5], w.Runs[6])
				w.Bound = []check.Attempt{{Part: member(0), Number: 2}, {Part: member(1), Number: 2}}
			},
			want: []string{"gangs whole"},
		},
		"a gang does its work without a member": {
			harm: func(w *check.World) { w.Runs = append(w.Runs[:5:5], w.Runs[6]) }, want: []string{"gangs whole"},
		},
		"a job starts before what it waits for ended": {
			harm: func(w *check.World) { w.Runs[6].Start = noon }, want: []string{"dependencies first"},
		},
		"a child overtakes the one before it": {
			harm: func(w *check.World) { w.Runs[3].Start = noon }, want: []string{"dependencies first"},
		},
		"a node is taken from work": {
			harm: func(w *check.World) { w.Ended[0].Running = []string{"pod"} }, want: []string{"no node taken from work"},
		},
		"an environment is too large": {
			harm: func(w *check.World) { w.Exceeded = []string{"more"} }, want: []string{"maxvCpus kept"},
		},
		"an instance is left": {
			harm: func(w *check.World) { w.Left.Instances = []string{"i-1"} }, want: []string{"no instance or node left"},
		},
		"a pod is left": {
			harm: func(w *check.World) { w.Left.Pods = []string{"pod"} }, want: []string{"no pod or finalizer left"},
		},
		"the store is inconsistent": {
			harm: func(w *check.World) { w.Left.Store = []string{"an index"} }, want: []string{"store consistent"},
		},
		"a program panicked": {
			harm: func(w *check.World) { w.Alarms = []string{"panic"} }, want: []string{"no race, no panic"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := whole()
			tc.harm(w)
			if diff := cmp.Diff(tc.want, broken(w)); diff != "" {
				t.Errorf("broken rules (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLedgerHasEachRunAsItWasLast(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	want := []check.Run{run(single(job), 1, 0, 1, 1), run(child(array, 1), 1, 2, 3, 0)}
	for range 2 { // the second ledger goes on with the first one's file
		l, err := check.OpenLedger(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range want {
			begun := r
			begun.End, begun.How, begun.ExitCode, begun.Reported = time.Time{}, "", 0, false
			for _, entry := range []check.Run{begun, r} {
				if err := l.Write(entry); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := check.ReadLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}
