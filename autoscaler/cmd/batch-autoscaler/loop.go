// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

const (
	// debounce is how long after the first change the loop looks: changes come in bursts.
	debounce = 20 * time.Millisecond
	// tick is the longest that the loop does not look: timers of cluster-autoscaler run out without anything changing.
	tick = time.Second
)

// loop decides when to look.
type loop struct {
	clock    clock.Clock
	changes  chan struct{}
	finished func(took time.Duration, err error)
}

// newLoop makes a loop that tells finished of each look.
func newLoop(c clock.Clock, finished func(took time.Duration, err error)) *loop {
	return &loop{clock: c, changes: make(chan struct{}, 1), finished: finished}
}

// Wake lets the loop look soon. It never blocks.
func (l *loop) Wake() {
	select {
	case l.changes <- struct{}{}:
	default:
	}
}

// Run looks until ctx ends: at once, soon after each change, and at each tick. A look that took long is followed by a pause
// as long, and one that failed by a whole tick, so that a burst of changes or a fault cannot take the whole machine.
func (l *loop) Run(ctx context.Context, once func(time.Time) error) error {
	var pause time.Duration
	for ctx.Err() == nil {
		if !l.sleep(ctx, pause) {
			return nil
		}
		select { // what changed until now is seen by this look
		case <-l.changes:
		default:
		}
		took, err := l.look(ctx, once)
		if err != nil {
			pause = tick
			continue
		}
		pause = max(debounce, min(took, tick))
		select {
		case <-ctx.Done():
		case <-l.changes:
		case <-l.clock.After(tick):
			pause = 0
		}
	}
	return nil
}

func (l *loop) look(ctx context.Context, once func(time.Time) error) (time.Duration, error) {
	started := l.clock.Now()
	err := once(started)
	took := l.clock.Since(started)
	if err != nil {
		klog.FromContext(ctx).Error(err, "Loop failed")
	}
	l.finished(took, err)
	return took, err
}

func (l *loop) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-l.clock.After(d):
		return true
	}
}
