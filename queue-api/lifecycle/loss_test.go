// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func loseNode(node int) Event {
	return Ended{Attempt: 1, Node: node, Lost: true, StatusReason: HostTerminated("i-other")}
}

func TestLossOfAnotherNode(t *testing.T) {
	t.Parallel()
	const runnable, running, failed = batch.StatusRunnable, batch.StatusRunning, batch.StatusFailed
	const restart, replace = batchmeta.MemberLossRestart, batchmeta.MemberLossReplace
	up := []Event{admitGang, bindMain, startMain, bindOther(0), startOther(0), bindOther(2), startOther(2)}
	with := func(more ...Event) []Event { return slices.Concat(up, more) }
	lost := HostTerminated("i-other")
	rebind := Bound{Attempt: 1, Node: 2, NodeName: "n9", InstanceID: "i-9"}
	cases := map[string]struct {
		onLoss     string
		attempts   int
		events     []Event
		wantStatus batch.JobStatus
		wantReason string // of the attempt
		wantNodes  []batch.JobStatus
	}{
		"is its own":                             {"", 1, with(loseNode(2)), running, "", []batch.JobStatus{running, running, failed}},
		"ends the attempt":                       {restart, 1, with(loseNode(2)), running, lost, []batch.JobStatus{running, running, failed}},
		"which ends with the main node":          {restart, 1, with(loseNode(2), endNode(1, 143)), failed, lost, []batch.JobStatus{failed, failed, failed}},
		"and is tried again":                     {restart, 2, with(loseNode(2), endNode(1, 143)), runnable, lost, []batch.JobStatus{failed, failed, failed}},
		"counts once":                            {restart, 1, with(loseNode(2), loseNode(0)), running, lost, []batch.JobStatus{failed, running, failed}},
		"is not its failure":                     {restart, 1, with(endNode(2, 7)), running, "", []batch.JobStatus{running, running, failed}},
		"has the node replaced":                  {replace, 1, with(loseNode(2)), running, "", []batch.JobStatus{running, running, runnable}},
		"until it is up again":                   {replace, 1, with(loseNode(2), rebind, startOther(2)), running, "", []batch.JobStatus{running, running, running}},
		"and again":                              {replace, 1, with(loseNode(2), rebind, startOther(2), loseNode(2)), running, "", []batch.JobStatus{running, running, runnable}},
		"without a new host ends the attempt":    {replace, 1, with(loseNode(2), NotReplaced{1, 2}), running, lost, []batch.JobStatus{running, running, runnable}},
		"with the main node's end":               {replace, 1, with(loseNode(2), NotReplaced{1, 2}, endNode(1, 0)), failed, lost, []batch.JobStatus{failed, failed, failed}},
		"that was replaced meanwhile does not":   {replace, 1, with(loseNode(2), rebind, NotReplaced{1, 2}), running, "", []batch.JobStatus{running, running, batch.StatusStarting}},
		"does not outlive the main node":         {replace, 1, with(loseNode(2), endNode(1, 0)), batch.StatusSucceeded, ReasonExited, []batch.JobStatus{batch.StatusSucceeded, batch.StatusSucceeded, batch.StatusSucceeded}},
		"of a job that is stopped is its end":    {replace, 1, with(Terminated{"enough"}, loseNode(2)), running, "", []batch.JobStatus{running, running, failed}},
		"before the main node starts is its own": {restart, 1, []Event{admitGang, bindOther(2), loseNode(2)}, runnable, "", []batch.JobStatus{runnable, runnable, failed}},
		"that succeeded before is none":          {replace, 1, with(endNode(2, 0), loseNode(2)), running, "", []batch.JobStatus{running, running, batch.StatusSucceeded}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := gang(tc.attempts)
			job.Tags = map[string]string{batchmeta.GangOnMemberLoss: tc.onLoss}
			got := after(t, job, tc.events...)
			a := got.Current
			if a == nil {
				a = &got.Attempts[len(got.Attempts)-1]
			}
			if got.Status != tc.wantStatus || a.StatusReason != tc.wantReason {
				t.Errorf("got %s, the attempt %q; want %s, %q", got.Status, a.StatusReason, tc.wantStatus, tc.wantReason)
			}
			if diff := cmp.Diff(tc.wantNodes, nodeStatuses(got)); diff != "" {
				t.Errorf("nodes mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReplacementsHaveNamesOfTheirOwn: a pod that is gone may still be on its host, so its name is not used twice.
func TestReplacementsHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	job := gang(1)
	job.Tags = map[string]string{batchmeta.GangOnMemberLoss: batchmeta.MemberLossReplace}
	job = after(t, job, admitGang, bindMain, startMain, bindOther(2), startOther(2))
	for _, want := range []string{"p2-r1", "p2-r2", "p2-r3"} {
		job = after(t, job, loseNode(2))
		if n := job.Current.Nodes[2]; n.PodName != want || n.InstanceID != "i-other" || !n.IsReplacing() || n.LostAt.IsZero() || !n.StartedAt.IsZero() {
			t.Errorf("node %+v, want pod %s", n, want)
		}
		job = after(t, job, bindOther(2), startOther(2))
	}
}
