// SPDX-License-Identifier: Apache-2.0

package graphs

import (
	"github.com/muster-batch/muster/queue-api/batch"
)

// run names something that runs: a job, or a child of an array. child is -1 for a job.
type run struct{ job, child int }

// edge is one dependency of a job. to is a job; child is one of its children, or -1 for the whole of it.
type edge struct {
	kind  batch.DependencyType
	to    int
	child int
}

// node is a job or array as it was submitted.
type node struct {
	id    string
	size  int // 0 for a single job
	edges []edge
}

func (n *node) runs(job int) []run {
	if n.size == 0 {
		return []run{{job, -1}}
	}
	out := make([]run, n.size)
	for i := range out {
		out[i] = run{job, i}
	}
	return out
}

// fate is how a run ended.
type fate byte

const (
	open fate = iota
	succeeded
	failed
)

// oracle knows the graph and how each run ended, from whoever ran it, and nothing of how Muster keeps them.
type oracle struct {
	nodes []*node
	fates map[run]fate
	ends  map[int]int // by array: children that ended
	bad   map[int]int // by array: children that failed
}

func newOracle() *oracle {
	return &oracle{fates: map[run]fate{}, ends: map[int]int{}, bad: map[int]int{}}
}

// end notes how a run ended.
func (o *oracle) end(r run, f fate) {
	o.fates[r] = f
	o.ends[r.job]++
	if f == failed {
		o.bad[r.job]++
	}
}

// whole is the fate of a job or array: an array's is the fold of its children's.
func (o *oracle) whole(job int) fate {
	switch n := o.nodes[job]; {
	case n.size == 0:
		return o.fates[run{job, -1}]
	case o.ends[job] < n.size:
		return open
	case o.bad[job] > 0:
		return failed
	}
	return succeeded
}

// waitsFor gives the fates of all that a run waits for.
func (o *oracle) waitsFor(r run) []fate {
	var out []fate
	for _, e := range o.nodes[r.job].edges {
		switch {
		case e.kind == batch.DependencySequential && r.child > 0:
			out = append(out, o.fates[run{r.job, r.child - 1}])
		case e.kind == batch.DependencySequential:
		case e.kind == batch.DependencyNToN:
			out = append(out, o.fates[run{e.to, r.child}])
		case e.child >= 0:
			out = append(out, o.fates[run{e.to, e.child}])
		default:
			out = append(out, o.whole(e.to))
		}
	}
	return out
}

// may tells whether a run may run, and whether it never can.
func (o *oracle) may(r run) (now, never bool) {
	now = true
	for _, f := range o.waitsFor(r) {
		now = now && f == succeeded
		never = never || f == failed
	}
	return now, never
}
