// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/muster-batch/muster/hack/faults/check"
)

// shown is how many violations of a promise are printed; the log has all.
const shown = 5

// report prints what happened and what came of it, and returns how many promises were broken.
func (r *rig) report(findings []check.Finding, w *check.World) (broken int) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	r.reportAttack(table)
	r.reportWork(table, w)
	fmt.Fprintln(table, "PROMISE\tLOOKED AT\tVIOLATIONS")
	for _, f := range findings {
		fmt.Fprintf(table, "%s\t%d\t%d\n", f.Rule, f.Looked, len(f.Violations))
		if len(f.Violations) > 0 {
			broken++
		}
	}
	_ = table.Flush()
	for _, f := range findings {
		for i, violation := range f.Violations {
			r.say("VIOLATION " + f.Rule + ": " + violation)
			if i < shown {
				fmt.Fprintf(os.Stdout, "%s: %s\n", f.Rule, violation)
			}
		}
	}
	return broken
}

func (r *rig) reportAttack(table *tabwriter.Writer) {
	fmt.Fprintln(table, "PROCESS\tKILLED\tENDED BY ITSELF")
	kills := 0
	for _, p := range r.stack.Processes {
		killed, ended := p.Figures()
		kills += killed
		fmt.Fprintf(table, "%s\t%d\t%d\n", p.Name(), killed, ended)
	}
	fmt.Fprintf(table, "all\t%d\t\n", kills)
	done := r.nemesis.Figures()
	var others []string
	for _, kind := range slices.Sorted(maps.Keys(done)) {
		if kind != "kill" {
			others = append(others, fmt.Sprintf("%s %d", kind, done[kind]))
		}
	}
	fmt.Fprintf(table, "other faults: %s\n", strings.Join(others, ", "))
}

func (r *rig) reportWork(table *tabwriter.Writer, w *check.World) {
	jobs, gangs, arrays := 0, 0, 0
	for i := range w.Submits {
		s := &w.Submits[i]
		jobs += max(s.Children, 1)
		if s.Children > 0 {
			arrays++
		}
		if s.Nodes > 0 {
			gangs++
		}
	}
	ran := map[string]bool{}
	for i := range w.Runs {
		ran[w.Runs[i].JobID()] = true
	}
	replays, stops := r.users.Figures()
	fmt.Fprintf(table, "seed %d: %d jobs accepted (%d calls, %d arrays, %d gangs; %d calls repeated, %d jobs ended by a user)\n",
		r.seed, jobs, len(w.Submits), arrays, gangs, replays, stops)
	fmt.Fprintf(table, "%d of the jobs ran (%.1f %%), in %d pods on %d instances; at rest %v after the attack; %v altogether\n",
		len(ran), 100*float64(len(ran))/float64(max(jobs, 1)), len(w.Runs), w.Launches, r.settled.Round(time.Second), time.Since(r.begun).Round(time.Second))
}
