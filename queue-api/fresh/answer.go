// SPDX-License-Identifier: Apache-2.0

package fresh

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"
)

// makeTimeout bounds the making of an answer, which does not end with who asked for it.
const makeTimeout = 15 * time.Second

// Answer is kept for a moment. Those who get it share it, and must not change it.
type Answer[T any] struct {
	clock   clock.PassiveClock
	keepFor time.Duration
	ask     func(context.Context) (T, error)
	flight  singleflight.Group

	mu     sync.Mutex // guards what follows
	isMade bool
	made   T
	madeAt time.Time // when its making began: it is at least as old
}

// New makes an Answer that ask gives, and that counts for so long. An error is told to those who wait for it, and not kept.
func New[T any](clk clock.PassiveClock, keepFor time.Duration, ask func(context.Context) (T, error)) *Answer[T] {
	return &Answer[T]{clock: clk, keepFor: keepFor, ask: ask}
}

// Get is the answer. A caller that goes away ends no making that others wait for.
func (a *Answer[T]) Get(ctx context.Context) (answer T, err error) {
	if made, ok := a.kept(); ok {
		return made, nil
	}
	asked := a.flight.DoChan("", func() (any, error) { return a.make(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return answer, ctx.Err()
	case result := <-asked:
		answer, _ = result.Val.(T)
		return answer, result.Err
	}
}

// kept is the answer that was made last, if it still counts.
func (a *Answer[T]) kept() (made T, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.made, a.isMade && a.clock.Since(a.madeAt) < a.keepFor
}

func (a *Answer[T]) make(ctx context.Context) (T, error) {
	if made, ok := a.kept(); ok { // since this caller looked
		return made, nil
	}
	ctx, cancel := context.WithTimeout(ctx, makeTimeout)
	defer cancel()
	now := a.clock.Now()
	made, err := a.ask(ctx)
	if err != nil {
		return made, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.isMade, a.made, a.madeAt = true, made, now
	return made, nil
}
