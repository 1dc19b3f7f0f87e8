// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Rule is one promise.
type Rule struct {
	Name string
	look func(*World, *finding)
}

// Finding is what came of a rule.
type Finding struct {
	Rule       string
	Looked     int // how many things were looked at
	Violations []string
}

type finding struct{ Finding }

func (f *finding) fail(format string, args ...any) {
	f.Violations = append(f.Violations, fmt.Sprintf(format, args...))
}

// Rules are all there are, in the order of a report.
func Rules() []Rule {
	return []Rule{
		{"accepted jobs end, once", terminal},
		{"one job an invocation", oneJob},
		{"legal order of states", legalOrder},
		{"array counts add up", arrays},
		{"never two at once", alone},
		{"no start after success", noneAfterSuccess},
		{"outcomes are what happened", outcomes},
		{"attempts within the strategy", attempts},
		{"gangs whole", gangs},
		{"dependencies first", dependencies},
		{"no node taken from work", nodesSpared},
		{"maxvCpus kept", withinLimits},
		{"no instance or node left", nothingOfTheCloud},
		{"no pod or finalizer left", nothingOfTheCluster},
		{"store consistent", storeConsistent},
		{"no race, no panic", quiet},
	}
}

// Check applies every rule.
func Check(w *World) []Finding {
	w.stops = map[string]bool{}
	for i := range w.Submits {
		if s := &w.Submits[i]; s.Stopped {
			w.stops[s.ID()] = true
		}
	}
	var out []Finding
	for _, rule := range Rules() {
		f := finding{Finding{Rule: rule.Name}}
		rule.look(w, &f)
		out = append(out, f.Finding)
	}
	return out
}

func terminal(w *World, f *finding) {
	for i := range w.Submits {
		s := &w.Submits[i]
		for _, id := range append(w.children(s), s.ID()) {
			f.Looked++
			job, known := w.Jobs[id]
			switch {
			case !known:
				f.fail("%s was accepted and is not there", id)
			case !job.Status.IsTerminal():
				f.fail("%s is %s: %s", id, job.Status, job.Reason)
			}
		}
	}
}

func oneJob(w *World, f *finding) {
	owner := map[string]string{}
	for i := range w.Submits {
		s := &w.Submits[i]
		f.Looked += len(s.JobIDs)
		for _, id := range s.JobIDs {
			if id != s.ID() {
				f.fail("invocation %s was given the jobs %s and %s", s.Invocation, s.ID(), id)
			}
			if other, taken := owner[id]; taken && other != s.Invocation {
				f.fail("job %s is of the invocations %s and %s", id, other, s.Invocation)
			}
			owner[id] = s.Invocation
		}
	}
}

// next are the states that a job may go to; an array's parent goes from PENDING to its end.
var next = map[batch.JobStatus][]batch.JobStatus{
	"":                    {batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable},
	batch.StatusSubmitted: {batch.StatusPending, batch.StatusRunnable, batch.StatusFailed},
	batch.StatusPending:   {batch.StatusRunnable, batch.StatusSucceeded, batch.StatusFailed},
	batch.StatusRunnable:  {batch.StatusRunnable, batch.StatusStarting, batch.StatusFailed},
	batch.StatusStarting:  {batch.StatusRunnable, batch.StatusRunning, batch.StatusFailed},
	batch.StatusRunning:   {batch.StatusRunnable, batch.StatusSucceeded, batch.StatusFailed},
}

func legalOrder(w *World, f *finding) {
	for id, changes := range w.Changes {
		last := changes[0].From
		for _, c := range changes {
			f.Looked++
			if c.From != last {
				f.fail("%s was %s and then went from %s to %s", id, last, c.From, c.To)
			}
			if !slices.Contains(next[c.From], c.To) {
				f.fail("%s went from %q to %s", id, c.From, c.To)
			}
			last = c.To
		}
		if job, known := w.Jobs[id]; known && job.Status != last {
			f.fail("%s is %s, and was last said to be %s", id, job.Status, last)
		}
	}
}

func arrays(w *World, f *finding) {
	for i := range w.Submits {
		s := &w.Submits[i]
		job, known := w.Jobs[s.ID()]
		if s.Children == 0 || !known {
			continue
		}
		f.Looked++
		failed, sum := job.Summary[batch.StatusFailed], 0
		for _, n := range job.Summary {
			sum += n
		}
		if sum != s.Children || failed+job.Summary[batch.StatusSucceeded] != s.Children {
			f.fail("%s has %d children, and counts %v", s.ID(), s.Children, job.Summary)
		}
		if (job.Status == batch.StatusSucceeded) != (failed == 0) {
			// One that was stopped too late may have succeeded children only.
			if !s.Stopped || job.Status == batch.StatusSucceeded {
				f.fail("%s is %s with %d failed children", s.ID(), job.Status, failed)
			}
		}
		for _, id := range w.children(s) {
			if child := w.Jobs[id].Status; job.Summary[child] == 0 {
				f.fail("%s counts no child that is %s, as %s is", s.ID(), child, id)
			}
		}
	}
}

func nodesSpared(w *World, f *finding) {
	for _, e := range w.Ended {
		f.Looked++
		if len(e.Running) > 0 {
			f.fail("%s was ended while %v ran there", e.Instance, e.Running)
		}
	}
}

func withinLimits(w *World, f *finding) {
	f.Looked = w.Launches
	f.Violations = w.Exceeded
}

func nothingOfTheCloud(w *World, f *finding) {
	f.Looked = w.Launches
	for _, id := range append(w.Left.Instances, w.Left.Nodes...) {
		f.fail("%s is still there", id)
	}
}

func nothingOfTheCluster(w *World, f *finding) {
	f.Looked = len(w.Runs)
	for _, name := range append(w.Left.Pods, w.Left.ConfigMaps...) {
		f.fail("%s is still there", name)
	}
}

func storeConsistent(w *World, f *finding) {
	f.Looked = len(w.Jobs)
	f.Violations = w.Left.Store
}

func quiet(w *World, f *finding) {
	f.Violations = w.Alarms
}
