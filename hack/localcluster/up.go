// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/muster-batch/muster/hack/localcluster/node"
	"github.com/muster-batch/muster/hack/localcluster/progress"
	"github.com/muster-batch/muster/hack/localcluster/toolchain"
)

// runUp brings the cluster up: whatever does not run is started.
func runUp(ctx context.Context, at paths, args []string) error {
	lock, err := at.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	before, err := loadConfig(at)
	isNew := errors.Is(err, fs.ErrNotExist)
	if err != nil && !isNew {
		return err
	}
	wanted, err := configFor(before, isNew, args)
	if err != nil {
		return err
	}
	board := progress.New(os.Stderr)
	defer board.Run()()
	wanted.Nodes = chooseNodes(board, wanted.Nodes)
	if !isNew && !reflect.DeepEqual(before, wanted) && newCluster(at, before).isRunning() {
		return fmt.Errorf("the cluster in %s runs with other flags; take it down first", at.dir)
	}
	c := newCluster(at, wanted)
	c.lock = lock
	if isNew {
		if err := c.clear(ctx, board); err != nil {
			return err
		}
	}
	if err := runSteps(ctx, board, c.toolSteps()); err != nil {
		return err
	}
	if err := c.save(at); err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return err
	}
	return runSteps(ctx, board, c.steps())
}

// clear makes room for a new cluster: it removes what a down that was interrupted has left, and the logs of the last one.
func (c *cluster) clear(ctx context.Context, board *progress.Board) error {
	if isFolder(c.at.in("pids")) || isFolder(c.at.nodes()) {
		if err := c.down(ctx, board); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(c.at.logs()); err != nil {
		return fmt.Errorf("remove old logs: %w", err)
	}
	return nil
}

// configFor is an earlier up's configuration, or the default, with what args say.
func configFor(before config, isNew bool, args []string) (config, error) {
	c := before
	if isNew {
		base, err := portBaseOfEnvironment()
		if err != nil {
			return c, err
		}
		c = config{Nodes: nodesAuto, Fleet: fleetLocal, Slots: 8, PortBase: base}
	}
	c.Listen = cmp.Or(os.Getenv("MUSTER_LISTEN"), c.Listen)
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	c.addFlags(flags)
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	return c, c.complete()
}

// portBaseOfEnvironment is what MUSTER_PORT_BASE says; 0 if it says nothing.
func portBaseOfEnvironment() (int, error) {
	value := os.Getenv("MUSTER_PORT_BASE")
	if value == "" {
		return 0, nil
	}
	base, err := strconv.Atoi(value)
	if err != nil {
		return 0, fmt.Errorf("MUSTER_PORT_BASE: %w", err)
	}
	return base, nil
}

// chooseNodes decides what auto means on this machine, and tells if that is simulation.
func chooseNodes(board *progress.Board, asked string) string {
	if asked != nodesAuto {
		return asked
	}
	err := node.Supported()
	missing := toolchain.Missing(toolchain.Packages(false))
	if err == nil && (len(missing) == 0 || os.Geteuid() == 0) {
		return nodesReal
	}
	if err == nil {
		err = fmt.Errorf("missing %s", strings.Join(missing, ", "))
	}
	board.Say("Real nodes cannot run here: %v.\nThe nodes are simulated by kwok: they only pretend, and no container runs.", err)
	return nodesKwok
}

// isRunning reports whether any of the cluster's programs runs.
func (c *cluster) isRunning() bool {
	for _, name := range c.daemons.Names() {
		if _, running := c.daemons.Find(name); running {
			return true
		}
	}
	return false
}

// toolSteps provide what the cluster is made of. One tool after the other: each build takes all of the machine.
func (c *cluster) toolSteps() []step {
	var steps []step
	if missing := toolchain.Missing(toolchain.Packages(c.simulated())); len(missing) > 0 {
		steps = append(steps, packagesStep(missing))
	}
	for _, tool := range toolchain.Tools(c.simulated()) {
		if !c.tools.IsBuilt(tool) {
			steps = append(steps, toolStep(c.tools, tool))
		}
	}
	for i := range steps[min(1, len(steps)):] {
		steps[i+1].after = []string{steps[i].name}
	}
	return steps
}

func toolStep(tools toolchain.Toolchain, tool toolchain.Tool) step {
	return step{name: "build of " + tool.Name, run: func(ctx context.Context, line *progress.Step) error {
		return tools.Build(ctx, tool, line.Note)
	}}
}

func packagesStep(missing []string) step {
	return step{name: "Debian packages", run: func(ctx context.Context, line *progress.Step) error {
		if err := toolchain.Install(ctx, missing, line.Note); err != nil {
			return err
		}
		line.Note("%s", strings.Join(missing, " "))
		return nil
	}}
}

// steps start the cluster's programs, each as soon as what it needs is there.
func (c *cluster) steps() []step {
	steps := []step{{name: stepManifests, after: []string{"kube-apiserver"}, run: c.applyManifests}}
	if !c.WithoutPrograms {
		steps = append(steps, step{name: stepBuild, run: func(ctx context.Context, line *progress.Step) error {
			return c.tools.BuildPrograms(ctx, c.at.programs(), c.built(), line.Note)
		}})
	}
	for _, part := range c.components() {
		steps = append(steps, c.startStep(part))
	}
	return steps
}

// built are this repository's programs that the cluster runs.
func (c *cluster) built() []toolchain.Program {
	programs := []toolchain.Program{toolchain.QueueAPI, toolchain.Scheduler, toolchain.Autoscaler}
	if c.Fleet == fleetEC2 {
		programs = append(programs, toolchain.EC2Fake)
	}
	return programs
}

// kwokStages is the configuration of kwok.
//
//go:embed kwok.yaml
var kwokStages []byte
