// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// placement is what it took a side to place a workload.
type placement struct {
	pods      int
	rate      float64       // pods a second
	took      time.Duration // from the first pod's creation until the last was bound
	cpu       time.Duration // of the scheduler's process
	algorithm histogram
	plans     histogram // of whole gangs; ours only
}

func (p placement) cpuPerPod() float64 { return p.cpu.Seconds() * 1000 / float64(p.pods) }

// place has a side place a workload on a cluster that is empty before and after.
func (b *bench) place(ctx context.Context, c *controlPlane, s side, nodes int, w workload) (p placement, err error) {
	run, err := b.begin(ctx, c, s, nodes)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, run.end(ctx)) }()
	earlier, err := run.scheduler.metrics(ctx)
	if err != nil {
		return p, err
	}
	before, err := run.scheduler.cpuAtRest(ctx)
	if err != nil {
		return p, err
	}
	profiled := make(chan error, 1)
	go func() {
		profiled <- run.scheduler.profile(ctx, b.profiles, fmt.Sprintf("%s-%s-%d-nodes-%s", run.namespace, s.name, nodes, w), 10)
	}()
	began := time.Now()
	if err := run.create(ctx, w); err != nil {
		return p, err
	}
	bindings, err := run.observer.await(ctx, w.pods(), 10*time.Minute)
	if err != nil {
		return p, fmt.Errorf("%s: %w\n%s", s.name, err, run.scheduler.tail())
	}
	after, err := run.scheduler.cpuAtRest(ctx)
	if err != nil {
		return p, err
	}
	later, err := run.scheduler.metrics(ctx)
	if err != nil {
		return p, err
	}
	p = placement{
		pods: len(bindings), rate: rate(bindings), took: bindings[len(bindings)-1].at.Sub(began), cpu: after - before,
		algorithm: later.histogram(earlier, "scheduler_scheduling_algorithm_duration_seconds", ""),
		plans:     later.histogram(earlier, "muster_gang_plan_duration_seconds", `outcome="planned"`),
	}
	fmt.Fprintf(os.Stderr, "#   %s: %d nodes, %s: %.0f pods/s, all after %.1f s; %.2f ms CPU a pod; algorithm mean %.3f ms, p99 <= %.3f ms\n", s.name, nodes, w,
		p.rate, p.took.Seconds(), p.cpuPerPod(), p.algorithm.mean()*1000, p.algorithm.quantile(0.99)*1000)
	return p, <-profiled
}

// trial is a side that runs, with a namespace of its own for its pods.
type trial struct {
	controlPlane *controlPlane
	scheduler    *scheduler
	namespace    string
	observer     *observer
}

func (b *bench) begin(ctx context.Context, c *controlPlane, s side, nodes int) (*trial, error) {
	b.runs++
	t := &trial{controlPlane: c, namespace: fmt.Sprintf("trial-%d", b.runs)}
	if err := c.createNamespace(ctx, t.namespace); err != nil {
		return nil, err
	}
	var err error
	if t.observer, err = c.observe(ctx, t.namespace); err != nil {
		return nil, err
	}
	if t.scheduler, err = b.startScheduler(ctx, c, s, nodes); err != nil {
		t.observer.stop()
		return nil, err
	}
	return t, nil
}

func (t *trial) create(ctx context.Context, w workload) error {
	if t.scheduler.name == coscheduling.name && !w.single {
		if err := t.controlPlane.createPodGroups(ctx, t.namespace, w); err != nil {
			return fmt.Errorf("create PodGroups: %w", err)
		}
	}
	if err := t.controlPlane.createPods(ctx, t.namespace, t.scheduler.side, w); err != nil {
		return fmt.Errorf("create pods: %w", err)
	}
	return nil
}

// end stops the side and deletes its pods.
func (t *trial) end(ctx context.Context) error {
	t.scheduler.kill()
	t.observer.stop()
	return t.controlPlane.deletePods(ctx, t.namespace)
}
