// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/muster-batch/muster/hack/localcluster/progress"
	"github.com/muster-batch/muster/hack/localcluster/toolchain"
)

// toolsHere are the tools of the checkout that the working folder lies in.
func toolsHere() (toolchain.Toolchain, error) {
	source, err := checkout()
	return toolchain.Toolchain{Source: source, Cache: toolCache()}, err
}

// runBuild builds the named tools, or all, unless they are there.
func runBuild(ctx context.Context, _ paths, names []string) error {
	tools, err := toolsHere()
	if err != nil {
		return err
	}
	var known []string
	var steps []step
	for _, tool := range toolchain.All {
		known = append(known, tool.Name)
		if len(names) > 0 && !slices.Contains(names, tool.Name) {
			continue
		}
		next := toolStep(tools, tool)
		if len(steps) > 0 {
			next.after = []string{steps[len(steps)-1].name}
		}
		steps = append(steps, next)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("no tool %q: one of %v", name, known)
		}
	}
	board := progress.New(os.Stderr)
	defer board.Run()()
	return runSteps(ctx, board, steps)
}

// runPackages installs the Debian packages that clusters, and the tests' AWS clients, need. Without root it says what is
// missing and fails.
func runPackages(ctx context.Context, _ paths, _ []string) error {
	wanted := slices.Concat(toolchain.Packages(false), toolchain.ClientPackages())
	missing := toolchain.Missing(wanted)
	if len(missing) == 0 {
		return nil
	}
	board := progress.New(os.Stderr)
	defer board.Run()()
	return runSteps(ctx, board, []step{packagesStep(missing)})
}

// runWhich prints where a tool's program is, built or not.
func runWhich(_ context.Context, _ paths, names []string) error {
	tools, err := toolsHere()
	if err != nil {
		return err
	}
	for _, name := range names {
		file, ok := tools.Find(name)
		if !ok {
			return fmt.Errorf("no tool has a program %q", name)
		}
		fmt.Fprintln(os.Stdout, file)
	}
	return nil
}
