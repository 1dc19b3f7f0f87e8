// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
)

// anyEvent draws events of every kind, timely and stale.
func anyEvent(rt *rapid.T, job batch.Job) Event {
	n := len(job.Attempts) + rapid.IntRange(0, 1).Draw(rt, "attempt")
	return rapid.SampledFrom([]Event{
		Cancelled{"c"},
		Terminated{"t"},
		Blocked{"b"},
		admit,
		Withdrawn{Attempt: n},
		Bound{Attempt: n, NodeName: "n"},
		Started{Attempt: n, At: t1},
		TimedOut{Attempt: n},
		Rejected{Attempt: n, Reason: "r"},
		StartFailed{Attempt: n, Reason: "CannotPullContainerError: x"},
		Ended{Attempt: n, Succeeded: true, StatusReason: ReasonExited, Containers: exit(0, "")},
		Ended{Attempt: n, StatusReason: ReasonExited, Containers: exit(1, "Error")},
	}).Draw(rt, "event")
}

func TestTerminalStaysTerminal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		job := runnable(rapid.IntRange(1, 10).Draw(rt, "attempts"))
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			next, _, err := Step(job, anyEvent(rt, job), t2)
			if err != nil {
				continue // refused: nothing changed
			}
			checkStep(rt, job, next)
			job = next
		}
	})
}

func checkStep(rt *rapid.T, job, next batch.Job) {
	if job.Status.IsTerminal() {
		if diff := cmp.Diff(job, next); diff != "" {
			rt.Fatalf("a terminal job changed:\n%s", diff)
		}
	}
	if next.Status != job.Status && !slices.Contains(moves[job.Status], next.Status) {
		rt.Fatalf("%s to %s is not a legal move", job.Status, next.Status)
	}
	if len(next.Attempts) > next.MaxAttempts() {
		rt.Fatalf("%d attempts of %d", len(next.Attempts), next.MaxAttempts())
	}
	if next.Current != nil && (next.Current.Number != len(next.Attempts)+1 || next.Status.IsTerminal()) {
		rt.Fatalf("attempt %d is current in %s after %d ended", next.Current.Number, next.Status, len(next.Attempts))
	}
	if next.Status.IsTerminal() == next.StoppedAt.IsZero() {
		rt.Fatalf("%s with stoppedAt %v", next.Status, next.StoppedAt)
	}
}

func TestDiagramNamesEveryStatus(t *testing.T) {
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
}
