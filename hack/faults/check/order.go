// SPDX-License-Identifier: Apache-2.0

package check

import (
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// span is from the first start of a job's runs, or a whole array's, to their last end.
type span struct {
	first, last time.Time
}

func spans(w *World) map[string]span {
	out := map[string]span{}
	for i := range w.Runs {
		r := &w.Runs[i]
		for _, id := range []string{r.Job, r.JobID()} {
			s, known := out[id]
			if !known || r.Start.Before(s.first) {
				s.first = r.Start
			}
			if r.End.After(s.last) {
				s.last = r.End
			}
			out[id] = s
		}
	}
	return out
}

// dependencies holds that nothing started before what it waits for had succeeded.
func dependencies(w *World, f *finding) {
	ran := spans(w)
	after := func(id, on string) {
		f.Looked++
		s, started := ran[id]
		if !started {
			return
		}
		if job, known := w.Jobs[on]; known && job.Status != batch.StatusSucceeded {
			f.fail("%s ran though %s, which it depends on, is %s", id, on, job.Status)
		}
		if !s.first.After(ran[on].last) {
			f.fail("%s started at %s, before %s ended at %s", id, clock(s.first), on, clock(ran[on].last))
		}
	}
	for i := range w.Submits {
		s := &w.Submits[i]
		for _, on := range s.DependsOn {
			after(s.ID(), on)
		}
		for index := range s.Children {
			if s.NToN != "" {
				after(batch.ChildID(s.ID(), index), batch.ChildID(s.NToN, index))
			}
			if s.Sequential && index > 0 {
				after(batch.ChildID(s.ID(), index), batch.ChildID(s.ID(), index-1))
			}
		}
	}
}
