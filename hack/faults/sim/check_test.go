// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// checkStep holds what must hold at every moment.
func (w *world) checkStep() {
	usage, err := w.store.Usage(w.quiet(), w.queue)
	w.must(err)
	if usage["ce"] > maxvCPUs*1000 {
		w.wrong("%d thousandths of a vCPU are admitted", usage["ce"])
	}
	if over := w.c.Overfull(); len(over) > 0 {
		w.wrong("overfull: %v", over)
	}
	w.checkGangs()
	jobs, err := w.store.Jobs(w.quiet(), w.ids)
	w.must(err)
	for i := range jobs {
		w.checkJob(&jobs[i])
	}
}

// checkJob holds that nothing leaves a terminal state and that attempts are counted.
func (w *world) checkJob(job *batch.Job) {
	if was, ok := w.final[job.ID]; ok && was != job.Status {
		w.wrong("%s was %s and is %s", job.ID, was, job.Status)
	}
	if job.Status.IsTerminal() {
		w.final[job.ID] = job.Status
	}
	if n := job.CountedAttempts(); n > attempts {
		w.wrong("%s has had %d attempts of %d", job.ID, n, attempts)
	}
}

// longestPartly is how long a gang may be bound in part while Bindings fail, leaders change and a lost member is noticed.
const longestPartly = 10 * time.Minute

// checkGangs holds that none is bound in part for long, of those of which no member has run.
func (w *world) checkGangs() {
	type state struct {
		bound, size int
		begun       bool
	}
	gangs := map[string]*state{}
	for _, pod := range w.c.Pods() {
		name, ok := pod.Labels[batchmeta.Gang]
		if !ok || pod.DeletionTimestamp != nil {
			continue
		}
		s := gangs[name]
		if s == nil {
			s = &state{}
			gangs[name] = s
		}
		s.size++
		if pod.Spec.NodeName != "" {
			s.bound++
		}
		e := w.executions[pod.UID]
		s.begun = s.begun || isFinished(pod) || e != nil && !e.started.IsZero()
	}
	partly := map[string]time.Time{}
	for name, s := range gangs {
		if s.bound == 0 || s.bound == s.size || s.begun {
			continue
		}
		since, ok := w.partly[name]
		if !ok {
			since = time.Now()
		}
		partly[name] = since
		w.counts.partly = max(w.counts.partly, time.Since(since))
		if time.Since(since) > longestPartly {
			w.wrong("gang %s has %d of %d members bound for %v", name, s.bound, s.size, time.Since(since))
		}
	}
	w.partly = partly
}

// isAllOver reports whether all jobs have ended and their pods are gone.
func (w *world) isAllOver() bool { return len(w.final) == len(w.ids) && len(w.c.Pods()) == 0 }

// checkEnd holds that every job came to an end, for a reason, and that nothing is left of it.
func (w *world) checkEnd() {
	for _, pod := range w.c.Pods() {
		w.wrong("pod %s on %q is left: %s, finalizers %v", pod.Name, pod.Spec.NodeName, pod.Status.Phase, pod.Finalizers)
	}
	jobs, err := w.store.Jobs(w.quiet(), w.ids)
	w.must(err)
	if len(jobs) != len(w.ids) {
		w.wrong("%d jobs are there, of %d", len(jobs), len(w.ids))
	}
	for i := range jobs {
		job := &jobs[i]
		w.checkOutcome(job)
		for child := range job.ArraySize {
			c, err := w.store.Job(w.quiet(), batch.ChildID(job.ID, child))
			w.must(err)
			w.checkOutcome(&c)
		}
	}
	live, err := w.store.Live(w.quiet(), w.queue)
	w.must(err)
	if len(live) > 0 {
		w.wrong("%v live on", live)
	}
}

// checkOutcome compares a job with what its pods did.
func (w *world) checkOutcome(job *batch.Job) {
	if !job.Status.IsTerminal() {
		w.wrong("%s is %s %q after all is well, on %+v", job.ID, job.Status, job.StatusReason, job.Current)
		return
	}
	if job.IsArray() {
		want := batch.StatusFailed
		if job.Children[batch.StatusSucceeded] == job.ArraySize {
			want = batch.StatusSucceeded
		}
		if job.Status != want || job.Children[batch.StatusSucceeded]+job.Children[batch.StatusFailed] != job.ArraySize {
			w.wrong("array %s is %s of %v", job.ID, job.Status, job.Children)
		}
		return
	}
	isTried := job.CountedAttempts() == attempts || job.StatusReason == lifecycle.ReasonDependencyFailed
	if job.Status == batch.StatusFailed && job.Stop == nil && !isTried && !w.isStopped(job) {
		w.wrong("%s is FAILED %q after %d attempts", job.ID, job.StatusReason, len(job.Attempts))
	}
	ref, err := batch.ParseJobID(job.ID)
	w.must(err)
	key := ref.Job + "//"
	switch {
	case job.IsMultiNode():
		key += "0"
	case ref.Child >= 0:
		key = ref.Job + "/" + job.ID[len(ref.Job)+1:] + "/"
	}
	hasSucceeded := w.succeeded[key]
	if job.Status == batch.StatusSucceeded && !hasSucceeded {
		w.wrong("%s is %s, and no pod of it succeeded", job.ID, job.Status)
	}
	if job.Status == batch.StatusFailed && hasSucceeded && job.Stop == nil {
		w.wrong("%s is %s %q, and a pod of it succeeded: %+v", job.ID, job.Status, job.StatusReason, job.Attempts)
	}
}

// isStopped reports whether the array of a child was stopped.
func (w *world) isStopped(job *batch.Job) bool {
	ref, err := batch.ParseJobID(job.ID)
	w.must(err)
	array, err := w.store.Job(w.quiet(), ref.Job)
	w.must(err)
	return array.Stop != nil
}
