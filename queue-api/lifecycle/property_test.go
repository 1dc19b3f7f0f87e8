// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// anyJob draws a job of every kind as it is submitted.
func anyJob(rt *rapid.T) batch.Job {
	job := runnable(rapid.IntRange(1, 10).Draw(rt, "attempts"))
	switch rapid.SampledFrom([]string{"single", "pending", "multi-node", "array"}).Draw(rt, "kind") {
	case "pending":
		job.Status, job.Unmet = batch.StatusPending, []string{"x", "y"}
	case "multi-node":
		job.NumNodes = rapid.IntRange(1, 4).Draw(rt, "nodes")
		job.MainNode = rapid.IntRange(0, job.NumNodes-1).Draw(rt, "main")
		job.Tags = map[string]string{batchmeta.GangOnMemberLoss: rapid.SampledFrom([]string{"", "restart", "replace"}).Draw(rt, "on loss")}
	case "array":
		job.Status, job.ArraySize = batch.StatusPending, 4
		job.Unmet = rapid.SampledFrom([][]string{nil, {"x"}}).Draw(rt, "unmet")
		failed := rapid.IntRange(0, 4).Draw(rt, "failed")
		job.Children = map[batch.JobStatus]int{batch.StatusFailed: failed, batch.StatusSucceeded: rapid.IntRange(0, 4-failed).Draw(rt, "succeeded")}
	}
	return job
}

// anyEvent draws events of every kind, timely and stale, of nodes that there are and of some that there are not.
func anyEvent(rt *rapid.T, job batch.Job) Event {
	n := len(job.Attempts) + rapid.IntRange(0, 1).Draw(rt, "attempt")
	node := rapid.IntRange(0, max(0, job.NumNodes)).Draw(rt, "node")
	pods := admit
	for i := range job.NumNodes {
		pods.Nodes = append(pods.Nodes, batch.NodeID("p", i))
	}
	at := t0.Add(time.Duration(rapid.IntRange(0, 5).Draw(rt, "second")) * time.Second)
	return rapid.SampledFrom([]Event{
		Cancelled{"c"},
		Terminated{"t"},
		Blocked{rapid.SampledFrom([]string{"", "CAPACITY:X - a", "CAPACITY:X - b", "UNDETERMINED - c"}).Draw(rt, "reason")},
		pods,
		Withdrawn{Attempt: n},
		Bound{Attempt: n, Node: node, NodeName: "n"},
		Started{Attempt: n, Node: node, At: at},
		TimedOut{Attempt: n},
		Rejected{Attempt: n, Reason: "r"},
		StartFailed{Attempt: n, Node: node, Reason: "CannotPullContainerError: x"},
		Ended{Attempt: n, Node: node, Succeeded: true, StatusReason: ReasonExited, StoppedAt: at, Containers: exit(0, "")},
		Ended{Attempt: n, Node: node, StatusReason: ReasonExited, Containers: exit(1, "Error")},
		Ended{Attempt: n, Node: node, Preempted: true, StatusReason: ReasonPreempted, Containers: exit(143, "Error")},
		Ended{Attempt: n, Node: node, Lost: true, StatusReason: HostTerminated("i"), StoppedAt: at},
		NotReplaced{Attempt: n, Node: node},
		DependencyEnded{JobID: rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(rt, "dependency"), Succeeded: rapid.Bool().Draw(rt, "met")},
		ChildrenEnded{},
	}).Draw(rt, "event")
}

func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		job := anyJob(rt)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			ev := anyEvent(rt, job)
			before := clone(job)
			next, _, err := Step(job, ev, t2)
			if diff := cmp.Diff(before, job); diff != "" {
				rt.Fatalf("%T changed its input:\n%s", ev, diff)
			}
			if err != nil {
				continue // refused: nothing changed
			}
			checkStep(rt, job, next)
			checkJob(rt, next)
			job = next
		}
	})
}

// checkStep holds what is true of any step.
func checkStep(rt *rapid.T, job, next batch.Job) {
	if job.Status.IsTerminal() {
		if diff := cmp.Diff(job, next); diff != "" {
			rt.Fatalf("a terminal job changed:\n%s", diff)
		}
	}
	if !isLegal(job, next) {
		rt.Fatalf("%s to %s is not a legal move", job.Status, next.Status)
	}
	if diff := cmp.Diff(job.Attempts, next.Attempts[:min(len(job.Attempts), len(next.Attempts))], cmpEmpty); diff != "" {
		rt.Fatalf("an ended attempt changed:\n%s", diff)
	}
	if job.Stop != nil && next.Stop == nil || job.Rest != nil && next.Rest != job.Rest {
		rt.Fatalf("a stop was taken back: %+v, %+v", next.Stop, next.Rest)
	}
	if job.Stop != nil && job.Current != nil && next.Status == batch.StatusRunnable && next.Current == nil {
		rt.Fatal("a stopped job waits again")
	}
	if isSame := BlockedCode(job.StatusReason) == BlockedCode(next.StatusReason); isSame && !next.BlockedAt.IsZero() && !next.BlockedAt.Equal(job.BlockedAt) {
		rt.Fatalf("blockedAt moved from %v to %v", job.BlockedAt, next.BlockedAt)
	}
}

var cmpEmpty = cmp.Transformer("empty", func(a []batch.Attempt) []batch.Attempt { return slices.Concat(a, nil) })

// checkJob holds what is true of any job.
func checkJob(rt *rapid.T, job batch.Job) {
	if job.CountedAttempts() > job.MaxAttempts() {
		rt.Fatalf("%d attempts of %d", job.CountedAttempts(), job.MaxAttempts())
	}
	if job.Status == batch.StatusFailed && job.Stop == nil && job.StatusReason == ReasonPreempted {
		rt.Fatal("FAILED for being preempted")
	}
	if job.Current != nil && (job.Current.Number != len(job.Attempts)+1 || job.Status.IsTerminal() || job.IsArray()) {
		rt.Fatalf("attempt %d is current in %s after %d ended", job.Current.Number, job.Status, len(job.Attempts))
	}
	if (job.Status == batch.StatusStarting || job.Status == batch.StatusRunning) && job.Current == nil {
		rt.Fatalf("%s without an attempt", job.Status)
	}
	if job.Status.IsTerminal() == job.StoppedAt.IsZero() {
		rt.Fatalf("%s with stoppedAt %v", job.Status, job.StoppedAt)
	}
	if job.Status == batch.StatusFailed && job.StatusReason == "" {
		rt.Fatal("FAILED without a reason")
	}
	if job.Status == batch.StatusPending && !job.IsArray() && len(job.Unmet) == 0 {
		rt.Fatal("PENDING for nothing")
	}
	if job.Status != batch.StatusRunnable && !job.BlockedAt.IsZero() {
		rt.Fatalf("%s is blocked", job.Status)
	}
	if job.IsArray() && job.Status != batch.StatusPending && !job.Status.IsTerminal() {
		rt.Fatalf("an array is %s", job.Status)
	}
	if job.Current != nil {
		checkAttempt(rt, job, *job.Current, false)
	}
	for _, a := range job.Attempts {
		checkAttempt(rt, job, a, true)
	}
}

func checkAttempt(rt *rapid.T, job batch.Job, a batch.Attempt, over bool) {
	if over == a.StoppedAt.IsZero() || over && a.StoppedAt.Before(a.StartedAt) {
		rt.Fatalf("attempt over %v started %v stopped %v", over, a.StartedAt, a.StoppedAt)
	}
	if len(a.Nodes) != job.NumNodes {
		rt.Fatalf("%d nodes of %d", len(a.Nodes), job.NumNodes)
	}
	for i, n := range a.Nodes {
		if over && n.StoppedAt.IsZero() || n.StoppedAt.IsZero() == n.Status.IsTerminal() || !n.StoppedAt.IsZero() && n.StoppedAt.Before(n.StartedAt) {
			rt.Fatalf("node %d is %s, stopped at %v", i, n.Status, n.StoppedAt)
		}
		if i != job.MainNode {
			continue
		}
		if diff := cmp.Diff(nodeOf(a, n.Status), n); diff != "" {
			rt.Fatalf("the attempt is not its main node's:\n%s", diff)
		}
		if !over && n.Status != job.Status {
			rt.Fatalf("the main node is %s, the job %s", n.Status, job.Status)
		}
	}
}

func TestDiagramNamesEveryMove(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range batch.JobStatuses {
		if _, ok := moves[s]; !ok {
			t.Errorf("%s has no line in moves", s)
		}
		if !strings.Contains(string(doc), string(s)) {
			t.Errorf("the diagram does not show %s", s)
		}
	}
	for from, to := range arrayMoves {
		if slices.Contains(to, batch.StatusRunnable) || from.IsTerminal() && len(to) > 0 {
			t.Errorf("an array goes from %s to %v", from, to)
		}
	}
}
