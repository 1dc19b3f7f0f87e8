// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

const definition = "bench"

// latency submits jobs that need a node each, one when the last one has its own.
func (b *bench) latency(ctx context.Context, s *site) error {
	jobs := 200
	if b.short {
		jobs = 40
	}
	const warmUp = 5 // templates, subnets and connections are made once
	const queue = "latency"
	if err := s.queue(ctx, queue, int32(4*(jobs+warmUp+1))); err != nil { //nolint:gosec // some hundreds
		return err
	}
	if err := s.define(ctx, definition); err != nil {
		return fmt.Errorf("register job definition: %w", err)
	}
	seen := newSightings()
	defer seen.watch(ctx, s)()
	var asked []time.Duration
	for i := range jobs + warmUp {
		before, err := s.fleetCalls()
		if err != nil {
			return err
		}
		submitted := time.Now()
		if err := s.submit(ctx, queue, fmt.Sprint("job-", i), 0); err != nil {
			return fmt.Errorf("submit: %w", err)
		}
		var calls []time.Time
		err = await(ctx, "a CreateFleet call", func() (bool, error) {
			calls, err = s.fleetCalls()
			return len(calls) > len(before), err
		})
		if err != nil {
			return err
		}
		if i >= warmUp {
			asked = append(asked, max(calls[len(before)].Sub(submitted), 0))
		}
		if err := await(ctx, "the pod is bound", func() (bool, error) { return seen.nodesInUse() > i, nil }); err != nil {
			return err
		}
	}
	bound, ours := seen.since(seen.ready), seen.since(seen.open)
	b.add("submit to CreateFleet", quantile(asked, 0.99), "median %.3f s, %d jobs", quantile(asked, 0.5), len(asked))
	b.add("ready to bound", quantile(bound, 0.99), "median %.3f s, %d nodes", quantile(bound, 0.5), len(bound))
	b.add("open to bound", quantile(ours, 0.99), "of that, from when Kubernetes took the taint not-ready away; median %.3f s", quantile(ours, 0.5))
	return nil
}

// fleetCalls is when the CreateFleet calls so far came. The fake EC2 writes a line for each: the time of its reply, its name,
// its status and how long it took.
func (s *site) fleetCalls() ([]time.Time, error) {
	log, err := os.ReadFile(s.cloud)
	if err != nil {
		return nil, err
	}
	var out []time.Time
	for line := range bytes.Lines(log) {
		fields := bytes.Fields(line)
		if len(fields) != 4 || string(fields[1]) != "CreateFleet" || string(fields[2]) != "200," {
			continue
		}
		replied, err := time.Parse(time.RFC3339Nano, string(fields[0]))
		if err != nil {
			return nil, err
		}
		took, err := time.ParseDuration(string(fields[3]))
		if err != nil {
			return nil, err
		}
		out = append(out, replied.Add(-took))
	}
	return out, nil
}

// sightings are when nodes were first seen ready, then without the taint that keeps pods from nodes that are not, and when the
// first pod on each was seen bound.
type sightings struct {
	mu                 sync.Mutex // guards all below
	ready, open, bound map[string]time.Time
}

func newSightings() *sightings {
	return &sightings{ready: map[string]time.Time{}, open: map[string]time.Time{}, bound: map[string]time.Time{}}
}

// watch looks at nodes and pods until the function that it returns is called.
func (s *sightings) watch(ctx context.Context, at *site) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	f := informers.NewSharedInformerFactory(at.kube, 0)
	handler := cache.ResourceEventHandlerFuncs{AddFunc: s.see, UpdateFunc: func(_, now any) { s.see(now) }}
	_, _ = f.Core().V1().Nodes().Informer().AddEventHandler(handler) // neither has been stopped
	_, _ = f.Core().V1().Pods().Informer().AddEventHandler(handler)
	f.Start(ctx.Done())
	f.WaitForCacheSync(ctx.Done())
	return func() {
		cancel()
		f.Shutdown()
	}
}

func (s *sightings) see(object any) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch o := object.(type) {
	case *corev1.Node:
		if !isReady(o) {
			return
		}
		first(s.ready, o.Name, now)
		if !slices.ContainsFunc(o.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeNotReady }) {
			first(s.open, o.Name, now)
		}
	case *corev1.Pod:
		if o.Spec.NodeName != "" {
			first(s.bound, o.Spec.NodeName, now)
		}
	}
}

func isReady(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

func first(seen map[string]time.Time, name string, now time.Time) {
	if _, known := seen[name]; !known {
		seen[name] = now
	}
}

func (s *sightings) nodesInUse() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bound)
}

// since is how long it took from each of the sightings of nodes until a pod was bound there. Watches of nodes and of pods are
// two: a pod may be seen first.
func (s *sightings) since(earlier map[string]time.Time) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []time.Duration
	for node, at := range s.bound {
		began, known := earlier[node]
		if !known {
			began = at
		}
		out = append(out, max(at.Sub(began), 0))
	}
	return out
}

// quantile is in seconds.
func quantile(d []time.Duration, q float64) float64 {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[int(float64(len(d)-1)*q)].Seconds()
}
