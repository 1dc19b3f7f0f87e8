// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// On a cluster that is full but for three nodes, gangs of four members of three CPUs each cannot fit: there is room for
// three. Small gangs come after them, and fit.
const (
	hopelessNodes = 1000
	hopelessFree  = 3
	hopelessSize  = 4
	hopelessCPU   = "3"
	smallGang     = 3
)

// hopeless measures how long a gang that fits waits behind gangs that cannot fit: while those are left alone, and while
// something happens that might have helped them.
func (b *bench) hopeless(ctx context.Context) (err error) {
	c, err := b.startControlPlane(ctx, nodesOf(hopelessNodes))
	if err != nil {
		return err
	}
	defer c.stop()
	if err := c.fill(ctx, hopelessNodes-hopelessFree); err != nil {
		return fmt.Errorf("fill nodes: %w", err)
	}
	run, err := b.begin(ctx, c, ours, hopelessNodes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.end(ctx)) }()
	waiting := workload{gangs: gangs(b.sizes.hopelessGangs, hopelessSize), cpu: hopelessCPU}
	if err := run.create(ctx, waiting); err != nil {
		return err
	}
	if _, err := run.scheduler.cpuAtRest(ctx); err != nil {
		return err
	}
	for i, way := range []struct {
		what  string
		event func() error
	}{
		{"while they wait", func() error { return nil }},
		{"when half a node becomes free", func() error { return c.unfill(ctx, 0) }},
	} {
		took, err := run.placeSmall(ctx, fmt.Sprintf("small-%d", i), (i+1)*smallGang, way.event)
		if err != nil {
			return err
		}
		b.results.Add("hopeless wait", fmt.Sprintf("behind %d gangs that cannot fit, %s, s", len(waiting.gangs), way.what), took.Seconds(), "")
	}
	return nil
}

// fill makes full so many nodes, with two pods each that are bound from the start.
func (c *controlPlane) fill(ctx context.Context, count int) error {
	if err := c.createNamespace(ctx, "fill"); err != nil {
		return err
	}
	w := workload{single: true, cpu: "2"}
	return inParallel(count*2, func(i int) error {
		pod := stock.pod("fill", w, gangOf{name: "fill"}, i)
		pod.Spec.Containers[0].Ports = nil
		pod.Spec.NodeName = fmt.Sprintf("node-%d", i/2)
		_, err := c.client.CoreV1().Pods("fill").Create(ctx, pod, metav1.CreateOptions{})
		return err
	})
}

// unfill deletes one of the pods that fill the nodes.
func (c *controlPlane) unfill(ctx context.Context, index int) error {
	return c.client.CoreV1().Pods("fill").Delete(ctx, fmt.Sprintf("fill-%d", index), metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
}

// placeSmall creates a small gang right after an event and returns how long it took until so many pods were bound in all.
func (t *trial) placeSmall(ctx context.Context, name string, total int, event func() error) (time.Duration, error) {
	if err := event(); err != nil {
		return 0, err
	}
	if err := t.create(ctx, workload{gangs: []gangOf{{name: name, size: smallGang}}, cpu: "500m"}); err != nil {
		return 0, err
	}
	began := time.Now()
	bindings, err := t.observer.await(ctx, total, time.Minute)
	if err != nil {
		return 0, err
	}
	return max(0, bindings[len(bindings)-1].at.Sub(began)), nil
}
