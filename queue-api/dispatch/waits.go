// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// Waits is why the jobs of a queue are not admitted that wait there: what a round decided, and for those that it did not look at one
// reason for all.
type Waits struct {
	Told map[explain.Code]int // entries: the children of an array that were not tried yet are one
	Rest explain.Code
}

// tellWaits tells what a round decided. One that sweeps does not see the jobs that were counted before it.
func (p *plan) tellWaits(verdicts []fairshare.Verdict, head fairshare.Head, budgets []*fairshare.Budget) {
	if p.d.cfg.Waits == nil {
		return
	}
	for _, r := range p.readings {
		if r.sweeping {
			return
		}
	}
	facts := p.facts()
	w := Waits{Told: map[explain.Code]int{}, Rest: explain.WaitingTurn}
	takesWork := false
	for _, b := range budgets {
		takesWork = takesWork || b.Accepts
	}
	if !takesWork {
		w.Rest = facts.Unusable()
	}
	counted := map[string]bool{}
	for i := range verdicts {
		code := p.codeOf(facts, &verdicts[i], head)
		if entry := entryOf(&verdicts[i].Job); code != "" && !counted[entry] {
			counted[entry] = true
			w.Told[code]++
		}
	}
	p.d.cfg.Waits(p.queue.Name, w)
}

// facts are what the codes of a queue's jobs depend on.
func (p *plan) facts() *explain.Facts {
	f := &explain.Facts{Queue: &p.queue, Consumables: p.consumables}
	for _, b := range p.round.budgetsOf(p.queue) {
		f.Environments = append(f.Environments, explain.Environment{ComputeEnvironment: new(p.round.environments[b.Name])})
	}
	return f
}

// codeOf is the code of a job that was looked at and not admitted; empty if it only waits its turn.
func (p *plan) codeOf(facts *explain.Facts, v *fairshare.Verdict, head fairshare.Head) explain.Code {
	facts.Job = &v.Job
	switch {
	case v.Environment != "":
		return ""
	case v.Blocked != "":
		return facts.CodeOf(v.Blocked)
	case v.Short == waitsBehind:
		return explain.ConsumableShort
	case v.Short != "":
		return facts.CodeOf(v.Short)
	case head.JobID != v.Job.ID:
		return ""
	case head.Environment == "":
		return explain.ShareReserved
	}
	return explain.QuotaMaxVCPUs
}

// entryOf is what a job waits as: a child of an array with it, until it is retried.
func entryOf(job *batch.Job) string {
	if job.IsChild() && len(job.Attempts) == 0 {
		if ref, err := batch.ParseJobID(job.ID); err == nil {
			return ref.Job
		}
	}
	return job.ID
}

// tellAll tells the reason of all that waits in a queue that is not dispatched.
func (d *Dispatcher) tellAll(queue string, code explain.Code) {
	if d.cfg.Waits != nil {
		d.cfg.Waits(queue, Waits{Rest: code})
	}
}
