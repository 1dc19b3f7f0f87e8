// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/muster-batch/muster/hack/localcluster/progress"
)

// downGrace is how long a program may take to end by itself when the cluster goes down.
const downGrace = 3 * time.Second

// runDown ends everything and removes the cluster's data. It goes by what is there, pid files and cgroups, not by what a
// whole cluster would have.
func runDown(ctx context.Context, at paths, args []string) error {
	if len(args) > 0 {
		return errors.New("down takes no arguments")
	}
	if _, err := os.Stat(at.dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	lock, err := at.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	stored, _ := loadConfig(at) // Without it there is still all that the folder's path gives.
	board := progress.New(os.Stderr)
	defer board.Run()()
	return newCluster(at, stored).down(ctx, board)
}

// down ends and removes whatever there is of the cluster.
func (c *cluster) down(ctx context.Context, board *progress.Board) error {
	return runSteps(ctx, board, []step{
		{name: "batch-autoscaler", run: func(context.Context, *progress.Step) error {
			return c.stopAll([]string{"batch-autoscaler"}, downGrace)
		}},
		// With the autoscaler gone nothing launches nodes any more, except for a launch that is under way; that holds the
		// fleet's lock or finds the cluster closed.
		{name: "nodes", after: []string{"batch-autoscaler"}, run: c.endNodes},
		{name: "programs", run: c.endPrograms},
		{name: "data", after: []string{"nodes", "programs"}, run: c.removeData},
	})
}

// endNodes closes the fleet and ends every node.
func (c *cluster) endNodes(_ context.Context, line *progress.Step) error {
	if err := os.MkdirAll(c.at.nodes(), 0o755); err != nil {
		return err
	}
	all := c.fleet()
	lock, err := all.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := os.Remove(c.at.config()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("close the fleet: %w", err)
	}
	count, err := all.Nodes.DestroyAll()
	line.Note("%d", count)
	return err
}

// endPrograms asks those to end that have something to finish, and kills the rest: their data goes with them.
func (c *cluster) endPrograms(context.Context, *progress.Step) error {
	var durable, others []string
	for _, name := range c.daemons.Names() {
		part, known := c.component(name)
		switch {
		case name == "batch-autoscaler":
		case known && part.durable:
			durable = append(durable, name)
		default:
			others = append(others, name)
		}
	}
	if err := c.stopAll(durable, downGrace); err != nil {
		return err
	}
	return c.stopAll(others, 0)
}

func (c *cluster) removeData(context.Context, *progress.Step) error {
	var err error
	for _, folder := range c.at.data() {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	return err
}

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
