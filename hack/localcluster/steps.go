// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
	"github.com/muster-batch/muster/hack/localcluster/progress"
)

// step is one line of up's work. Those it comes after are done first; all others run beside it.
type step struct {
	name  string
	after []string
	run   func(context.Context, *progress.Step) error
}

// runSteps runs steps and shows them. The first that fails stops the rest. A step that comes after one that is not in
// steps does not wait for it: it is done already.
func runSteps(ctx context.Context, board *progress.Board, steps []step) error {
	done := map[string]chan struct{}{}
	for _, s := range steps {
		done[s.name] = make(chan struct{})
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range steps {
		group.Go(func() error {
			for _, name := range s.after {
				if before, waits := done[name]; waits {
					select {
					case <-before:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			}
			if err := board.Do(s.name, func(line *progress.Step) error { return s.run(ctx, line) }); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			close(done[s.name])
			return nil
		})
	}
	return group.Wait()
}

// readyTimeout bounds how long a program may take to be ready, on a slow and busy machine.
const readyTimeout = 5 * time.Minute

// startStep is the step that starts a component and waits until it is ready.
func (c *cluster) startStep(part component) step {
	return step{name: part.Name, after: part.after, run: func(ctx context.Context, line *progress.Step) error {
		line.Note("%s", part.address)
		process, running := c.daemons.Find(part.Name)
		if !running {
			if err := checkFree(ctx, part.address); err != nil {
				return err
			}
			var err error
			part.Hold = c.lock
			if process, err = c.daemons.Start(part.Program); err != nil {
				return err
			}
		}
		return c.waitReady(ctx, part, process)
	}}
}

// checkFree tells of another program that listens where one of ours is to. Asking is surer than finding it in a log.
func checkFree(ctx context.Context, address string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%w; --port-base moves every port, MUSTER_LISTEN that of the Batch API", err)
	}
	return listener.Close()
}

// waitReady waits until the component's probe is satisfied, its process has ended or time is up.
func (c *cluster) waitReady(ctx context.Context, part component, process daemon.Process) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready within %v", readyTimeout))
	defer cancel()
	for {
		err := part.ready(ctx)
		if err == nil {
			return nil
		}
		if !process.IsAlive() {
			return fmt.Errorf("it ended; the last lines of %s:\n%s", c.daemons.Log(part.Name), c.daemons.Tail(part.Name, 15))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w (log: %s)", context.Cause(ctx), err, c.daemons.Log(part.Name))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stopAll stops the named programs side by side.
func (c *cluster) stopAll(names []string, grace time.Duration) error {
	var group errgroup.Group
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		group.Go(func() error {
			if grace == 0 {
				return c.daemons.Kill(name)
			}
			return c.daemons.Stop(name, grace)
		})
	}
	return group.Wait()
}
