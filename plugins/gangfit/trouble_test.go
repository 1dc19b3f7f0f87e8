// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-batch/muster/plugins/plugintest/virtual"
)

// counts is what went on in all worlds.
type counts struct {
	worlds, gangs, members, singles   int
	leaders                           int
	deaths                            map[virtual.Point]int // of leaders; without a point, when the test had enough
	bindFaults, nodeDeaths, podLosses int
	rests                             int // how often everything was checked
	belowMin                          int // gangs seen at rest below their min, after a loss
	keptOut                           int // gangs seen at rest that fit, but for room that is kept for the next gang
	longest                           time.Duration
	virtual                           time.Duration
}

func (c *counts) print(t *testing.T) {
	t.Helper()
	var deaths strings.Builder
	for _, point := range virtual.Points() {
		fmt.Fprintf(&deaths, " %s %d", point, c.deaths[point])
	}
	t.Logf("%d gangs of %d members and %d single pods in %d clusters over %.1f virtual hours", c.gangs, c.members, c.singles, c.worlds, c.virtual.Hours())
	t.Logf("%d leaders; killed at:%s", c.leaders, deaths.String())
	t.Logf("Bindings that failed: %d; nodes that died: %d; pods that were deleted: %d", c.bindFaults, c.nodeDeaths, c.podLosses)
	t.Logf("checked at rest %d times; gangs below their min after a loss: %d, kept out for the next gang: %d; room held unbound for at most %v",
		c.rests, c.belowMin, c.keptOut, c.longest)
}

// faults is which Bindings go wrong.
type faults struct {
	mu   sync.Mutex // guards the rest
	plan map[string]virtual.Fault
	done map[string]bool
}

func newFaults() *faults { return &faults{plan: map[string]virtual.Fault{}, done: map[string]bool{}} }

// of returns what goes wrong with a Binding: the first one for the pod alone may.
func (f *faults) of(pod string, nth int) virtual.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if nth > 1 || f.plan[pod] == virtual.None {
		return virtual.None
	}
	f.done[pod] = true
	return f.plan[pod]
}

func (f *faults) add(pod string, fault virtual.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan[pod] = fault
}

// had reports whether a Binding of one of the gang's pods went wrong.
func (f *faults) had(o *owner) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range o.pods {
		if f.done[s.pod] {
			return true
		}
	}
	return false
}

// trouble makes things go wrong for a while.
func (w *world) trouble(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.c.Step(time.Second)
		w.tick()
		for _, o := range w.owners {
			if o.isDone(time.Now()) {
				o.end(w.c)
			}
		}
		w.misfortune()
	}
	if l := w.c.Leader(); l != nil {
		l.KillAt("", 0)
	}
}

// misfortune is what one second brings.
func (w *world) misfortune() {
	switch w.rng.IntN(40) {
	case 0, 1:
		if l := w.c.Leader(); l != nil {
			points := virtual.Points()
			l.KillAt(points[w.rng.IntN(len(points))], 1+w.rng.IntN(12))
		}
	case 2:
		node := w.nodes[w.rng.IntN(len(w.nodes))].Name
		if _, ok := w.away[node]; !ok {
			w.away[node] = time.Now().Add(time.Duration(1+w.rng.IntN(60)) * time.Second)
			w.c.RemoveNode(node, w.rng.IntN(2) == 0)
			w.counts.nodeDeaths++
		}
	case 3:
		o := w.owners[w.rng.IntN(len(w.owners))]
		if !o.ended {
			w.c.Delete(o.pods[w.rng.IntN(o.size)].pod)
			w.counts.podLosses++
		}
	}
}
