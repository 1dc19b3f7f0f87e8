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
	placed, room := mine.placed()
	held, samples := mine.held()
	b.results.Add("contended placed", fmt.Sprintf("%d gangs of 8 to 512, room for half", len(mine.workload.gangs)),
		float64(placed)/float64(placed+room), "%d gangs placed, room left for %d", placed, room)
	b.results.Add("contended held", "pods' room, at most", float64(held), "%d samples", samples)
	theirs, err := b.contend(ctx, coscheduling, max(90*time.Second, mine.took()*6)) // then it is clear
	if err != nil {
		return err
	}
	theirHeld, _ := theirs.held()
	note := fmt.Sprintf("%s; coscheduling %s, %d held", mine.times(), theirs.times(), theirHeld)
	if !theirs.settled {
		placed, room := theirs.placed()
		note += fmt.Sprintf(" and not done: %d gangs placed, room left for %d", placed, room)
	}
	what, sooner := "the last gang that has room, once all have arrived", theirs.took().Seconds()/mine.took().Seconds()
	if b.sizes.contendedTimes >= full.contendedTimes {
		b.results.Add("contended sooner", what, sooner, "%s", note)
	} else { // the fewer gangs, the less they are in each other's way
		b.results.Info("contended sooner: "+what, sooner, "%s", note)
	}
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
	if err := run.create(ctx, k.workload); err != nil {
		return k, err
	}
	k.arrived = time.Now()
	for !k.settled && time.Since(k.arrived) < patience {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return k, err
		}
		k.bindings = run.observer.soFar()
		k.settled = k.isSettled()
	}
	if err := pause(ctx, 2*time.Second); err != nil { // what is held now stays held
		return k, err
	}
	k.bindings = run.observer.soFar()
	stop()
	k.samples = <-samples
	placed, room := k.placed()
	fmt.Fprintf(os.Stderr, "#   %s: %d gangs placed, %s, room left for %d\n", s.name, placed, k.times(), room)
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

// took is the time from when all gangs had arrived until the last one that is placed was whole; until now if others still
// have room. It is what the scheduler adds: no gang is whole before its last member has arrived.
func (k *contention) took() time.Duration {
	const least = 100 * time.Millisecond // of which nobody is to make a ratio
	last := k.arrived.Add(least)
	for _, at := range k.whole() {
		if at.After(last) {
			last = at
		}
	}
	if !k.settled && len(k.samples) > 0 {
		last = k.samples[len(k.samples)-1].at
	}
	return last.Sub(k.arrived)
}

// times says when all gangs had arrived, and when the last was placed.
func (k *contention) times() string {
	arrived := k.arrived.Sub(k.began)
	return fmt.Sprintf("all arrived after %.1f s, the last placed after %.1f s", arrived.Seconds(), (arrived + k.took()).Seconds())
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
