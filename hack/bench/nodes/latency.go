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

// latency submits jobs that need a node each, one when the last one's node has been asked for.
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
	}
	var bound []time.Duration
	err := await(ctx, "all pods are bound", func() (bool, error) {
		bound = seen.waits()
		return len(bound) >= jobs+warmUp, nil
	})
	if err != nil {
		return err
	}
	b.add("submit to CreateFleet", quantile(asked, 0.99), "median %.3f s, %d jobs", quantile(asked, 0.5), len(asked))
	b.add("ready to bound", quantile(bound, 0.99), "median %.3f s, %d nodes", quantile(bound, 0.5), len(bound))
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

// sightings are when nodes were seen ready, and the first pod on each bound.
type sightings struct {
	mu           sync.Mutex // guards all below
	ready, bound map[string]time.Time
}

func newSightings() *sightings {
	return &sightings{ready: map[string]time.Time{}, bound: map[string]time.Time{}}
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
		isReady := slices.ContainsFunc(o.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		if _, known := s.ready[o.Name]; isReady && !known {
			s.ready[o.Name] = now
		}
	case *corev1.Pod:
		if _, known := s.bound[o.Spec.NodeName]; o.Spec.NodeName != "" && !known {
			s.bound[o.Spec.NodeName] = now
		}
	}
}

// waits are how long nodes were ready without a pod.
func (s *sightings) waits() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []time.Duration
	for node, at := range s.bound {
		if ready, known := s.ready[node]; known {
			out = append(out, max(at.Sub(ready), 0))
		}
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
