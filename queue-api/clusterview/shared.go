// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	// keptFor is how long what was read is shown at least.
	keptFor = 2 * time.Second
	// keptTimes is how many times as long as reading took it is shown at least, so that a large cluster is read a tenth of the
	// time at most.
	keptTimes = 10
	// keptAtMost bounds that.
	keptAtMost = 30 * time.Second
	// readTimeout bounds a reading.
	readTimeout = 10 * time.Second
)

// shared is something that is read for all who ask at about the same time. Its zero value is ready.
type shared[T any] struct {
	mu     sync.Mutex // guards what follows
	flight *flight[T] // the reading under way; nil if there is none
	last   *flight[T] // the one before
	until  time.Time  // when the last one is too old
}

// flight is one reading.
type flight[T any] struct {
	done  chan struct{} // closed once the others are set
	value T
	err   error
}

// get gives what was read lately, or reads. A caller that goes away ends no reading that others wait for.
func (s *shared[T]) get(ctx context.Context, clk clock.PassiveClock, read func(context.Context) (T, error)) (value T, err error) {
	f := s.join(ctx, clk, read)
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return value, ctx.Err()
	}
}

// join is the reading to wait for.
func (s *shared[T]) join(ctx context.Context, clk clock.PassiveClock, read func(context.Context) (T, error)) *flight[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight
	}
	if s.last != nil && clk.Now().Before(s.until) {
		return s.last
	}
	f := &flight[T]{done: make(chan struct{})}
	s.flight = f
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	go func() {
		defer cancel()
		began := clk.Now()
		f.value, f.err = read(ctx)
		took := clk.Since(began)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.flight, s.last = nil, f
		s.until = clk.Now().Add(min(max(keptFor, keptTimes*took), keptAtMost))
		close(f.done)
	}()
	return f
}
