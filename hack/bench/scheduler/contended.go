// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"time"
)

// contention is twice as many gangs as there is room for, and how a side came through it.
type contention struct {
	workload workload
	slots    int // for a pod each
	bindings []binding
	samples  []sample
	began    time.Time
	arrived  time.Time // when the last pod had been created
	settled  bool      // no gang that waits has room
}

// sample is how many pods had room, bound or about to be, at a time.
type sample struct {
	at   time.Time
	pods int
}

// newContention mixes gangs of 8 to 512, each size twice as often as times.
func newContention(times int) contention {
	var all []gangOf
	for size := 8; size <= 512; size *= 2 {
		all = append(all, gangs(2*times, size)...)
	}
	w := workload{gangs: all, cpu: "1", mixed: true}
	return contention{workload: w, slots: w.pods() / 2 / nodeCPUs * nodeCPUs}
}

// contended compares how soon the last gang that has room is placed when there are twice as many.
func (b *bench) contended(ctx context.Context) error {
	mine, err := b.contend(ctx, ours, 5*time.Minute)
	if err != nil {
		return err
	}
	took := mine.took()
	theirs, err := b.contend(ctx, coscheduling, max(time.Minute, took*11/2)) // then it is clear
	if err != nil {
		return err
	}
	placed, room := mine.placed()
	held, samples := mine.held()
	b.results.add("contended placed", fmt.Sprintf("%d gangs of 8 to 512, room for half", len(mine.workload.gangs)),
		float64(placed)/float64(placed+room), "%d gangs placed, room left for %d", placed, room)
	theirPlaced, theirRoom := theirs.placed()
	note := fmt.Sprintf("%.1f s; coscheduling %.1f s", took.Seconds(), theirs.took().Seconds())
	if !theirs.settled {
		note += fmt.Sprintf(" and not done: %d gangs placed, room left for %d", theirPlaced, theirRoom)
	}
	b.results.add("contended sooner", "the last gang that has room", theirs.took().Seconds()/took.Seconds(), "%s", note)
	b.results.add("contended held", "pods' room, at most", float64(held), "%d samples", samples)
	theirHeld, _ := theirs.held()
	b.results.info("contended held by coscheduling: pods' room, at most", float64(theirHeld), "")
	return nil
}

// contend has a side place what it can, until nothing that waits has room or its patience ends.
func (b *bench) contend(ctx context.Context, s side, patience time.Duration) (_ contention, err error) {
	k := newContention(b.sizes.contendedTimes)
	nodes := k.slots / nodeCPUs
	c, err := b.startControlPlane(ctx, nodesOf(nodes))
	if err != nil {
		return k, err
	}
	defer c.stop()
	run, err := b.begin(ctx, c, s, nodes)
	if err != nil {
		return k, err
	}
	defer func() { err = errors.Join(err, run.end(ctx)) }()
	if _, err := run.scheduler.cpuAtRest(ctx); err != nil {
		return k, err
	}
	sampling, stop := context.WithCancel(ctx)
	defer stop()
	samples := make(chan []sample, 1)
	go func() { samples <- run.sample(sampling) }()
	k.began = time.Now()
	created := make(chan error, 1)
	go func() {
		err := run.create(ctx, k.workload)
		k.arrived = time.Now()
		created <- err
	}()
	for !k.settled && time.Since(k.began) < patience {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return k, err
		}
		k.bindings = run.observer.soFar()
		k.settled = k.isSettled()
	}
	if err := errors.Join(<-created, pause(ctx, 2*time.Second)); err != nil { // what is held now stays held
		return k, err
	}
	k.bindings = run.observer.soFar()
	stop()
	k.samples = <-samples
	placed, room := k.placed()
	fmt.Fprintf(os.Stderr, "#   %s: %d gangs placed after %.1f s, all had arrived after %.1f s, room left for %d\n",
		s.name, placed, k.took().Seconds(), k.arrived.Sub(k.began).Seconds(), room)
	return k, nil
}

// sample asks every second how many pods have room in the scheduler's own eyes.
func (t *trial) sample(ctx context.Context) []sample {
	var samples []sample
	for pause(ctx, time.Second) == nil {
		if m, err := t.scheduler.metrics(ctx); err == nil {
			samples = append(samples, sample{time.Now(), int(m.gauge("scheduler_cache_size", `type="pods"`))})
		}
	}
	return samples
}

// whole are the gangs all of whose members were bound, with the time when the last was.
func (k *contention) whole() map[string]time.Time {
	sizes, bound, whole := map[string]int{}, map[string]int{}, map[string]time.Time{}
	for _, g := range k.workload.gangs {
		sizes[g.name] = g.size
	}
	for _, b := range k.bindings {
		if bound[b.gang]++; bound[b.gang] == sizes[b.gang] {
			whole[b.gang] = b.at
		}
	}
	return whole
}

// placed is how many gangs are whole, and how many more there would be room for, the smallest first.
func (k *contention) placed() (placed, room int) {
	whole, free := k.whole(), k.slots
	for _, g := range k.workload.gangs {
		if _, ok := whole[g.name]; ok {
			free -= g.size
		}
	}
	for _, g := range k.workload.gangs { // by size
		if _, ok := whole[g.name]; !ok && g.size <= free {
			free -= g.size
			room++
		}
	}
	return len(whole), room
}

func (k *contention) isSettled() bool {
	_, room := k.placed()
	return room == 0
}

// took is the time until the last gang was whole; that of the whole run if others still have room.
func (k *contention) took() time.Duration {
	var last time.Time
	for _, at := range k.whole() {
		if at.After(last) {
			last = at
		}
	}
	if !k.settled && len(k.samples) > 0 {
		last = k.samples[len(k.samples)-1].at
	}
	return last.Sub(k.began)
}

// held is the most pods that had room at a sample although their gang was not placed: it was not whole soon after. Soon is
// what the API server may need to write the bindings that were under way.
func (k *contention) held() (most, samples int) {
	const soon, perBinding = 5 * time.Second, 10 * time.Millisecond
	whole := k.whole()
	for _, s := range k.samples {
		bound := sort.Search(len(k.bindings), func(i int) bool { return k.bindings[i].at.After(s.at) })
		by := s.at.Add(soon + time.Duration(s.pods-bound)*perBinding)
		placed := 0
		for _, g := range k.workload.gangs {
			if at, ok := whole[g.name]; ok && at.Before(by) {
				placed += g.size
			}
		}
		most = max(most, s.pods-placed)
	}
	return most, len(k.samples)
}
