// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// byPart sorts the runs of each part by their starts.
func byPart(w *World) map[Part][]*Run {
	out := map[Part][]*Run{}
	for i := range w.Runs {
		out[w.Runs[i].Part] = append(out[w.Runs[i].Part], &w.Runs[i])
	}
	for _, runs := range out {
		slices.SortFunc(runs, func(a, b *Run) int { return a.Start.Compare(b.Start) })
	}
	return out
}

func alone(w *World, f *finding) {
	for _, runs := range byPart(w) {
		f.Looked += len(runs)
		for i, later := range runs {
			for _, earlier := range runs[:i] {
				if earlier.End.IsZero() || earlier.End.After(later.Start) {
					f.fail("%s attempt %d (pod %s) ran from %s while attempt %d (pod %s) did until %s", later.JobID(), later.Number, later.UID,
						clock(later.Start), earlier.Number, earlier.UID, clock(earlier.End))
				}
			}
		}
	}
}

func noneAfterSuccess(w *World, f *finding) {
	for _, runs := range byPart(w) {
		f.Looked += len(runs)
		for i, r := range runs {
			if !r.succeeded() || !r.Reported || r.Node >= 0 { // a gang's attempt may fail by another node
				continue
			}
			for _, later := range runs[i+1:] {
				f.fail("%s attempt %d (pod %s) started at %s, after attempt %d (pod %s) had succeeded at %s", r.JobID(), later.Number, later.UID,
					clock(later.Start), r.Number, r.UID, clock(r.End))
			}
		}
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// deciding are the runs that decide jobs, the main nodes' and those of any other job, by job id.
func deciding(w *World) map[string][]*Run {
	out := map[string][]*Run{}
	for part, runs := range byPart(w) {
		if part.Node <= 0 {
			out[part.JobID()] = append(out[part.JobID()], runs...)
		}
	}
	return out
}

// outcomes holds jobs to what ran: who succeeded has run with success, who failed has not, and no exit code is another one's.
func outcomes(w *World, f *finding) {
	runs := deciding(w)
	for id, job := range w.Jobs {
		if job.Summary != nil {
			continue
		}
		f.Looked++
		of := runs[id]
		success := slices.ContainsFunc(of, (*Run).succeeded)
		told := slices.ContainsFunc(of, func(r *Run) bool { return r.succeeded() && r.Reported })
		switch {
		case job.Status == batch.StatusSucceeded && !success:
			f.fail("%s SUCCEEDED, and nothing ran with success", id)
		case job.Status == batch.StatusFailed && told && !w.stopped(id):
			f.fail("%s FAILED (%s) though it ran with success", id, job.Reason)
		}
		for _, r := range of {
			if r.Number > len(job.Attempts) || r.How != Exited || !r.Reported || w.stopped(id) {
				continue
			}
			// What ended twice, as when its pod was deleted meanwhile, may have the code of either.
			if said := job.Attempts[r.Number-1].ExitCode; said != nil && *said != r.ExitCode {
				f.fail("%s attempt %d exited with %d, and is said to have with %d", id, r.Number, r.ExitCode, *said)
			}
		}
	}
}

// stopped reports whether someone asked for a job's end.
func (w *World) stopped(id string) bool {
	ref, err := batch.ParseJobID(id)
	return err == nil && w.stops[ref.Job]
}

func attempts(w *World, f *finding) {
	allowed := map[string]int{}
	for i := range w.Submits {
		allowed[w.Submits[i].ID()] = w.Submits[i].Attempts
	}
	for id, job := range w.Jobs {
		ref, err := batch.ParseJobID(id)
		if err != nil || job.Summary != nil {
			continue
		}
		f.Looked++
		counted := 0
		for _, a := range job.Attempts {
			if !a.Uncounted {
				counted++
			}
		}
		if most := max(allowed[ref.Job], 1); counted > most {
			f.fail("%s was tried %d times, of %d", id, counted, most)
		}
	}
	for i := range w.Runs {
		r := &w.Runs[i]
		job, known := w.Jobs[r.JobID()]
		// A job that is stopped before its pod is known to have a node ends without an attempt.
		if known && r.Number > len(job.Attempts) && !w.stopped(r.JobID()) {
			f.fail("%s, %s, ran an attempt %d, and is said to have had %d", r.JobID(), job.Status, r.Number, len(job.Attempts))
		}
	}
}

// gangs holds that whoever of a gang's attempt ended by itself was not alone: the others were bound, too, unless the attack
// deleted them before.
func gangs(w *World, f *finding) {
	size := map[string]int{}
	for i := range w.Submits {
		size[w.Submits[i].ID()] = w.Submits[i].Nodes
	}
	type gang struct {
		job    string
		number int
	}
	members, ended := map[gang]map[int]bool{}, map[gang]bool{}
	meet := func(a Attempt) gang {
		g := gang{a.JobID(), a.Number}
		if members[g] == nil {
			members[g] = map[int]bool{}
		}
		members[g][a.Node] = true
		return g
	}
	for _, a := range slices.Concat(w.Bound, w.Removed) {
		if a.Node >= 0 {
			meet(a)
		}
	}
	for i := range w.Runs {
		if r := &w.Runs[i]; r.Node >= 0 {
			g := meet(r.Attempt)
			ended[g] = ended[g] || r.How == Exited
		}
	}
	for g := range ended {
		f.Looked++
		if ended[g] && len(members[g]) != size[g.job] {
			f.fail("of the %d nodes of %s attempt %d only %d were ever bound", size[g.job], g.job, g.number, len(members[g]))
		}
	}
}
