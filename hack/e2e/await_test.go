// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// Deadlines. They are for a machine of two cores on which every test runs at once, and others beside, and only bound how long
// a failure takes.
const (
	soon = 3 * time.Minute // something in a program's own hands
	long = 5 * time.Minute // something that may need a node first, or that nodes go
)

// together is how many seconds apart members that start together may start: a fraction of one on a machine that has nothing
// else to do, which the tests log. On one that has much to do the kubelet of one node may be far behind that of another.
const together = 60

// pollInterval is how often things are looked at.
const pollInterval = 50 * time.Millisecond

// hopelessError ends a wait early: waiting cannot help any more.
type hopelessError struct{ error }

// await looks again and again until check is satisfied, and fails the test if that is not within limit.
func await(t *testing.T, limit time.Duration, what string, check func(context.Context) error) {
	t.Helper()
	if err := poll(t.Context(), limit, check); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func poll(ctx context.Context, limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var last error
	for {
		err := check(ctx)
		if _, hopeless := errors.AsType[hopelessError](err); err == nil || hopeless {
			return err
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", limit, errors.Join(last, context.Cause(ctx)))
		case <-ticker.C:
		}
	}
}

// holds looks again and again for a while, and fails the test when check is not satisfied.
func holds(t *testing.T, while time.Duration, what string, check func(context.Context) error) {
	t.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for end := time.Now().Add(while); time.Now().Before(end); <-ticker.C {
		if err := check(t.Context()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}
