// SPDX-License-Identifier: Apache-2.0

package preempt_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/plugins/preempt"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// work is a gang, or a pod, that waits or runs.
type work struct {
	id      int
	asks    bool
	order   gang.Order
	size    int
	cpus    int64
	class   int // of its queue; below 0 for a user's own
	prio    int32
	seats   []int // by node; nil while it waits
	started int
}

// world places works on nodes, round by round, and makes those anew that were preempted.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	nodes []int64 // CPUs
	works []*work
	now   int

	preempted map[[2]int]bool // who ever preempted whom
	count     int             // of preemptions
}

// queue gives w its place in the queue: jobs get a new rank each time they are made, pods a new creation time.
func (w *world) queue(job *work) {
	w.now++
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: strconv.Itoa(job.id), CreationTimestamp: metav1.NewTime(epoch.Add(time.Duration(w.now) * time.Second)),
	}}
	if job.class >= 0 {
		pod.Annotations = map[string]string{batchmeta.Rank: fmt.Sprintf("%04d%019d", job.class, w.now)}
	}
	pod.Spec.Priority = &job.prio
	job.order, job.seats = gang.OrderOf(pod), nil
}

func (w *world) free() []int64 {
	free := slices.Clone(w.nodes)
	for _, job := range w.works {
		for _, node := range job.seats {
			free[node] -= job.cpus
		}
	}
	return free
}

// place seats the work if it fits.
func (w *world) place(job *work) bool {
	var seats []int
	for node, free := range w.free() {
		for ; free >= job.cpus && len(seats) < job.size; free -= job.cpus {
			seats = append(seats, node)
		}
	}
	if len(seats) < job.size {
		return false
	}
	w.now++
	job.seats, job.started = seats, w.now
	return true
}

// preempt ends what must end for job, and places it.
func (w *world) preempt(job *work) bool {
	c := &preempt.Cluster{Groups: of(job.size, job.cpus), Need: job.size}
	for _, free := range w.free() {
		c.Nodes = append(c.Nodes, preempt.Node{Free: []int64{free}, Takes: []bool{true}})
	}
	var candidates []*work
	var works []preempt.Work
	for _, other := range w.works {
		if other.seats == nil || !job.order.MayPreempt(other.order) {
			continue
		}
		rooms := map[int]int64{}
		for _, node := range other.seats {
			rooms[node] += other.cpus
		}
		v := preempt.Work{Level: other.order.Level(), Started: epoch.Add(time.Duration(other.started)), Pods: other.size}
		for node, cpus := range rooms {
			v.Rooms = append(v.Rooms, preempt.Room{Node: node, Amounts: []int64{cpus}})
		}
		candidates, works = append(candidates, other), append(works, v)
	}
	chosen := preempt.Choose(c, works)
	for _, i := range chosen {
		victim := candidates[i]
		if w.preempted[[2]int{victim.id, job.id}] {
			w.t.Fatalf("works %d and %d preempt each other", job.id, victim.id)
		}
		w.preempted[[2]int{job.id, victim.id}] = true
		w.count++
		w.queue(victim)
		if !job.order.Before(victim.order) {
			w.t.Fatalf("work %d, made anew, goes before %d, which preempted it", victim.id, job.id)
		}
	}
	if len(chosen) > 0 && !w.place(job) {
		w.t.Fatalf("work %d is not placed where %d works ended for it", job.id, len(chosen))
	}
	return len(chosen) > 0
}

// round tries all that waits, in order. It reports whether anything happened.
func (w *world) round() bool {
	waiting := slices.DeleteFunc(slices.Clone(w.works), func(job *work) bool { return job.seats != nil })
	slices.SortFunc(waiting, func(a, b *work) int {
		if a.order.Before(b.order) {
			return -1
		}
		return 1
	})
	happened := false
	for _, job := range waiting {
		if job.seats == nil && (w.place(job) || job.asks && w.preempt(job)) {
			happened = true
		}
	}
	return happened
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, seed)), preempted: map[[2]int]bool{}}
	for range 1 + w.rng.IntN(4) {
		w.nodes = append(w.nodes, int64(1+w.rng.IntN(8)))
	}
	for id := range 4 + w.rng.IntN(16) {
		job := &work{
			id: id, asks: w.rng.IntN(4) > 0, size: 1 + w.rng.IntN(4), cpus: int64(1 + w.rng.IntN(3)),
			class: w.rng.IntN(4) - 1, prio: int32(w.rng.IntN(3)),
		}
		w.works = append(w.works, job)
	}
	return w
}

// TestPreemptionsComeToAnEnd has random works arrive one by one, each time until nothing happens any more. It must come to that: no
// two works ever preempt each other, whoever preempts is placed, and a work that was preempted comes back behind whoever did
// it.
func TestPreemptionsComeToAnEnd(t *testing.T) {
	t.Parallel()
	const worlds = 10_000
	preemptions, most := 0, 0
	for seed := range uint64(worlds) {
		w := newWorld(t, seed)
		arriving := w.works
		w.works = nil
		for _, job := range arriving {
			w.works = append(w.works, job)
			w.queue(job)
			for rounds := 0; w.round(); rounds++ {
				if rounds > len(w.works) {
					t.Fatalf("world %d is still moving after %d preemptions", seed, w.count)
				}
			}
			if w.rng.IntN(3) == 0 { // one ends, and another like it begins
				w.queue(w.works[w.rng.IntN(len(w.works))])
			}
		}
		preemptions += w.count
		most = max(most, w.count)
	}
	t.Logf("%d preemptions in %d worlds, at most %d in one", preemptions, worlds, most)
	if preemptions < worlds/2 {
		t.Error("the worlds are too quiet to show anything")
	}
}
