// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
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
