// SPDX-License-Identifier: Apache-2.0

package graphs

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/faults/seeds"
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// sizes are how many children jobs have, those of every graph and those of one in 400.
var (
	sizes = []int{0, 0, 0, 2, 2, 3, 5, 17}
	large = []int{0, 100, 1000, 10_000}
)

// TestGraphsEndAsTheyMust plays MUSTER_GRAPHS graphs (500 unless told) from MUSTER_SEED on.
func TestGraphsEndAsTheyMust(t *testing.T) {
	t.Parallel()
	all := seeds.From(t, "MUSTER_GRAPHS", 500)
	began := time.Now()
	var jobs, edges, runs, crashes int
	for _, seed := range all {
		if t.Failed() {
			break
		}
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Log(seeds.Again("MUSTER_GRAPHS", seed))
				}
			}()
			w := newWorld(t, seed)
			w.play(seed%400 == 0)
			w.check()
			jobs, edges, runs, crashes = jobs+len(w.nodes), edges+w.countEdges(), runs+len(w.fates), crashes+w.crashed
		})
	}
	t.Logf("%d graphs of %d jobs and arrays, %d dependencies and %d runs, %d changes of leader; 0 differences, in %v",
		len(all), jobs, edges, runs, crashes, time.Since(began).Round(time.Second))
}

func (o *oracle) countEdges() int {
	n := 0
	for _, node := range o.nodes {
		n += len(node.edges)
	}
	return n
}

// play submits jobs while others run, and lets all come to their end.
func (w *world) play(isLarge bool) {
	stop := w.lead()
	defer func() { stop() }()
	among := sizes
	if isLarge {
		among = large
	}
	for range 2 + w.random.IntN(14) {
		w.submit(among[w.random.IntN(len(among))])
		switch w.random.IntN(7) {
		case 0:
			w.pass(time.Second)
		case 1:
			w.start(3)
		case 2:
			w.finish(2)
		case 3:
			w.stop()
		case 4:
			stop()
			stop = w.lead()
			w.crashed++
		}
	}
	w.run()
}

// run lets everything run to its end.
func (w *world) run() {
	idle := 0
	for idle < 5 {
		w.pass(time.Second)
		w.start(1000)
		if w.random.IntN(4) == 0 {
			w.stop()
		}
		if len(w.running) > 0 {
			idle = 0
		}
		w.finish(1 + w.random.IntN(1000))
		idle++
	}
	w.pass(3 * time.Minute) // the slow pass over what waits, twice
}

// check holds every job, array and child to the oracle.
func (w *world) check() {
	if waiting, _, err := w.store.WaitingIn(w.Context(), w.queue, "", "", 10); err != nil || len(waiting) > 0 {
		w.Fatalf("%d wait in the end: %v", len(waiting), err)
	}
	for i, n := range w.nodes { // in the order of submission: none depends on a later one
		for _, r := range n.runs(i) {
			w.checkRun(r)
		}
		w.checkWhole(i)
	}
}

// checkRun tells the oracle of a run that never ran, and holds that there was a reason for that.
func (w *world) checkRun(r run) {
	job, err := w.store.Job(w.Context(), w.idOf(r))
	w.must(err)
	isAsked := w.asked[r] || w.asked[run{r.job, -1}]
	_, never := w.may(r)
	hasRun := w.fates[r] != open
	if hasRun && never {
		w.Fatalf("%v ran though what it waits for failed", r)
	}
	if !hasRun {
		if !never && !isAsked {
			w.Fatalf("%v is %s %q and never ran: %v", r, job.Status, job.StatusReason, w.waitsFor(r))
		}
		w.end(r, failed)
	}
	if got := fateOf(job.Status); got != w.fates[r] {
		w.Fatalf("%v is %s %q; the oracle says %v", r, job.Status, job.StatusReason, w.fates[r])
	}
}

func fateOf(status batch.JobStatus) fate {
	switch status {
	case batch.StatusSucceeded:
		return succeeded
	case batch.StatusFailed:
		return failed
	case batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable, batch.StatusStarting, batch.StatusRunning:
	}
	return open
}

// checkWhole holds that a job is described as it ended, and an array as the fold of its children.
func (w *world) checkWhole(job int) {
	n := w.nodes[job]
	out, err := w.service.DescribeJobs(w.Context(), caller, &awsapi.DescribeJobsRequest{Jobs: []string{n.id}})
	w.must(err)
	d := out.Jobs[0]
	if got := fateOf(batch.JobStatus(*d.Status)); got != w.whole(job) {
		w.Fatalf("job %d of %d children is %s; the oracle says %v", job, n.size, *d.Status, w.whole(job))
	}
	if n.size == 0 {
		return
	}
	want := map[string]int{}
	for _, s := range batch.JobStatuses {
		want[string(s)] = 0
	}
	want["FAILED"], want["SUCCEEDED"] = w.bad[job], n.size-w.bad[job]
	if diff := cmp.Diff(want, d.ArrayProperties.StatusSummary); diff != "" {
		w.Fatalf("children of job %d (-want +got):\n%s", job, diff)
	}
}
