// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/plugins/plugintest/virtual"
)

// lossTimeout is how long the scheduler lets a gang run below its min that asked for something to be done about it.
const lossTimeout = 5 * time.Minute

// roomTimeout is how long the scheduler keeps room for the gang that is next.
const roomTimeout = 10 * time.Minute

// longestHold is how long room may be held by a pod that is not bound: while the rest of its gang is on its way, or its
// Binding.
const longestHold = 10 * time.Second

// world is a random cluster with random gangs, and what goes wrong in it.
type world struct {
	c      *virtual.Cluster
	rng    *rand.Rand
	owners []*owner
	nodes  []*corev1.Node
	away   map[string]time.Time // nodes that died, by when they come back
	deaths []time.Time          // of leaders
	leadAt time.Time            // when the next leader starts
	counts *counts
	faults *faults
}

// runWorld lets the gangs of one random world come and go, and reports how many there were.
func runWorld(t *testing.T, seed uint64, counts *counts) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	faults := newFaults()
	config := virtual.Config{
		Seed:      seed,
		Lag:       []time.Duration{0, time.Second, 5 * time.Second, 5 * time.Second}[rng.IntN(4)],
		Latency:   []time.Duration{0, 50 * time.Millisecond, time.Second}[rng.IntN(3)],
		BindFault: faults.of,
		Logger:    logger(t),
	}
	virtual.Run(t, config, func(c *virtual.Cluster) {
		start := time.Now()
		w := &world{c: c, rng: rng, away: map[string]time.Time{}, counts: counts, faults: faults}
		w.build()
		w.lead()
		for range 3 {
			w.trouble(90 * time.Second)
			w.rest("after trouble")
		}
		w.heal()
		w.drain()
		if held := c.LongestReserved(); held > longestHold {
			c.Errorf("a pod held room for %v without being bound", held)
		}
		counts.worlds++
		counts.bindFaults += c.Faults()
		counts.longest = max(counts.longest, c.LongestReserved())
		counts.virtual += time.Since(start)
	})
}

// build makes the nodes and the gangs' owners.
func (w *world) build() {
	for i := range 2 + w.rng.IntN(11) {
		w.nodes = append(w.nodes, randomNode("n"+strconv.Itoa(i), w.rng))
	}
	w.c.AddNodes(w.nodes...)
	for i := range 12 + w.rng.IntN(17) {
		o := newOwner("g"+strconv.Itoa(i), w.rng)
		o.recruit(time.Now(), time.Duration(1+w.rng.IntN(120))*time.Second, w.rng)
		if w.rng.IntN(3) == 0 {
			w.faults.add(o.pods[w.rng.IntN(o.size)].pod, virtual.Refused)
		}
		if w.rng.IntN(4) == 0 {
			w.faults.add(o.pods[w.rng.IntN(o.size)].pod, virtual.Unanswered)
		}
		w.owners = append(w.owners, o)
		if o.single {
			w.counts.singles++
		} else {
			w.counts.gangs++
			w.counts.members += o.size
		}
	}
}

func randomNode(name string, rng *rand.Rand) *corev1.Node {
	node := plugintest.Node(name, []int{4, 8, 8, 16, 32}[rng.IntN(5)])
	node.Labels[corev1.LabelTopologyZone] = randomZone(rng)
	if rng.IntN(5) == 0 {
		node.Status.Allocatable["nvidia.com/gpu"] = *resource.NewQuantity(4, resource.DecimalSI)
		node.Status.Capacity["nvidia.com/gpu"] = *resource.NewQuantity(4, resource.DecimalSI)
		node.Spec.Taints = []corev1.Taint{{Key: "nvidia.com/gpu", Effect: corev1.TaintEffectNoSchedule}}
	}
	return node
}

// tick is what happens every second whether or not there is trouble: owners do their work and dead leaders are replaced.
func (w *world) tick() {
	now := time.Now()
	for _, o := range w.owners {
		o.tick(w.c, now, w.rng)
	}
	for _, node := range w.nodes {
		if at, ok := w.away[node.Name]; ok && !now.Before(at) {
			delete(w.away, node.Name)
			w.c.AddNodes(node)
		}
	}
	if w.c.Leader() == nil {
		w.succeed(now)
	}
}

// succeed has a new leader take over a while after the old one died.
func (w *world) succeed(now time.Time) {
	switch {
	case w.leadAt.IsZero():
		w.leadAt = now.Add(durationUpTo(w.rng, 10*time.Second))
		w.deaths = append(w.deaths, now)
	case !now.Before(w.leadAt):
		w.lead()
	}
}

func (w *world) lead() {
	if l := w.c.Last(); l != nil {
		w.counts.deaths[l.DiedAt()]++
	}
	w.leadAt = time.Time{}
	w.c.Lead()
	w.counts.leaders++
}

// rest waits until nothing happens any more and checks that all is well.
func (w *world) rest(when string) {
	w.c.Helper()
	if !w.c.Settle(15*time.Second, 4*time.Minute, w.tick) {
		w.fail(when, []string{fmt.Sprintf("no rest: %d pods hold room unbound", len(w.c.Reserved()))})
	}
	w.counts.rests++
	if wrong := w.wrongAtRest(); len(wrong) > 0 {
		w.fail(when, wrong)
	}
}

func (w *world) fail(when string, wrong []string) {
	w.c.Helper()
	for _, what := range wrong {
		w.c.Errorf("%s: %s", when, what)
	}
	prefix, latest := "", 20*time.Second
	if name, _, ok := strings.Cut(wrong[0], " "); ok && strings.HasPrefix(name, "g") {
		prefix, latest = name+"-", time.Hour
	}
	w.c.Fatalf("how it came to that:\n%s", w.c.History(prefix, latest))
}

// heal brings all nodes back.
func (w *world) heal() {
	for name := range w.away {
		w.away[name] = time.Now()
	}
	w.rest("after all nodes came back")
	w.pass(lossTimeout + 2*time.Minute)
	w.rest("after gangs below their min had their time")
}

// pass lets time pass in which nothing goes wrong.
func (w *world) pass(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.c.Step(time.Second)
		w.tick()
	}
}

// drain ends the gangs that run until none does: all that fit must have had their turn.
func (w *world) drain() {
	for patience := 3; patience > 0; {
		ended := 0
		for _, o := range w.owners {
			if !o.ended && !o.runsSince.IsZero() {
				o.end(w.c)
				ended++
			}
		}
		w.rest("while the gangs end")
		if ended == 0 { // room may still be kept for a gang that does not come
			patience--
			w.pass(roomTimeout + time.Minute)
		}
	}
	for _, o := range w.owners {
		rooms := w.rooms(true)
		if o.together && !o.single {
			rooms = w.widestZone(rooms, nil, o.shapes)
		}
		if !o.ended && surelyFit(rooms, o.shapes, o.least) {
			w.fail("in the end", []string{o.name + " never ran"})
		}
	}
}
