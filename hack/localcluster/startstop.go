// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/muster-batch/muster/hack/localcluster/progress"
)

// stopGrace is how long stop lets a program take to end by itself.
const stopGrace = 10 * time.Second

func runStop(_ context.Context, at paths, args []string) error { return end(at, args, stopGrace) }

func runKill(_ context.Context, at paths, args []string) error { return end(at, args, 0) }

// end ends the named programs; one that does not run is no error.
func end(at paths, names []string, grace time.Duration) error {
	c, err := openCluster(at)
	if err != nil {
		return err
	}
	if err := c.checkNames(names); err != nil {
		return err
	}
	lock, err := at.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	return c.stopAll(names, grace)
}

// runStart starts the named programs and waits until they are ready.
func runStart(ctx context.Context, at paths, names []string) error {
	lock, err := at.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	c, err := openCluster(at)
	if err != nil {
		return err
	}
	if err := c.checkNames(names); err != nil {
		return err
	}
	c.lock = lock
	if err := c.prepare(); err != nil {
		return err
	}
	board := progress.New(os.Stderr)
	defer board.Run()()
	var steps []step
	for _, part := range c.components() {
		if slices.Contains(names, part.Name) {
			steps = append(steps, c.startStep(part))
		}
	}
	return runSteps(ctx, board, steps)
}

// openCluster is the cluster that an earlier up made.
func openCluster(at paths) (*cluster, error) {
	stored, err := mustBeUp(at)
	if err != nil {
		return nil, err
	}
	return newCluster(at, stored), nil
}

func (c *cluster) checkNames(names []string) error {
	var known []string
	for _, part := range c.components() {
		known = append(known, part.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("no program %q: one of %v", name, known)
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("name one or more of %v", known)
	}
	return nil
}
