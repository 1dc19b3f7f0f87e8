// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/cli/output"
)

// The groups that help shows commands in.
const (
	groupJobs    = "jobs"
	groupPlaces  = "places"
	groupSetUp   = "setup"
	groupProgram = "program"
)

var groups = []*cobra.Group{
	{ID: groupJobs, Title: "Jobs:"},
	{ID: groupPlaces, Title: "Queues, environments and nodes:"},
	{ID: groupSetUp, Title: "Setting up and looking after:"},
	{ID: groupProgram, Title: "This program:"},
}

// New makes the program's commands.
func New(cfg Config) *cobra.Command {
	root, _ := newRoot(cfg)
	return root
}

func newRoot(cfg Config) (*cobra.Command, *frame) {
	if cfg.Out == nil {
		cfg.Out = os.Stdout
	}
	if cfg.Err == nil {
		cfg.Err = os.Stderr
	}
	if cfg.In == nil {
		cfg.In = os.Stdin
	}
	if cfg.Getenv == nil {
		cfg.Getenv = os.Getenv
	}
	f := &frame{Config: cfg}
	root := &cobra.Command{
		Use: "muster", Short: "Submit jobs to Muster, see what becomes of them, and look after where they run",
		Long: "Submit jobs to Muster, see what becomes of them, and look after where they run.\n\n" + exitHelp(),
		Example: `  muster run --queue high --definition hello --wait --follow
  muster jobs --queue high
  muster explain JOB`,
		SilenceUsage: true, SilenceErrors: true,
	}
	if cfg.IsPlugin {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl muster"}
	}
	root.SetIn(cfg.In)
	root.SetOut(cfg.Out)
	root.SetErr(cfg.Err)
	f.addFlags(root.PersistentFlags())
	f.completeFormats(root)
	root.AddGroup(groups...)
	add(root, groupJobs, newSubmit(f), newRun(f), newJobs(f), newGet(f), newExplain(f), newLogs(f), newCancel(f), newTerminate(f), newRetry(f), newSimulate(f))
	add(root, groupPlaces, placeCommands(f)...)
	add(root, groupSetUp, append(setUpCommands(f), cfg.Commands...)...)
	add(root, groupProgram, newCall(f), newVersion(f), newReference(f))
	addCompletion(root)
	f.strict(root)
	return root, f
}

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// exitHelp tells the exit codes.
func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:")
	for _, e := range ExitCodes {
		fmt.Fprintf(&b, "\n  %3d  %s", e.Code, strings.ReplaceAll(e.Meaning, "`", "'"))
	}
	return b.String()
}

// hasSomethingToSay reports whether people are to be told of an error: not of what has been said, nor that they interrupted the program.
func hasSomethingToSay(err error) bool {
	if exit, ok := err.(*ExitError); ok { //nolint:errorlint // what wraps it has something to say
		return exit.Err != nil
	}
	return !errors.Is(err, context.Canceled)
}

// Main runs the program with its arguments and gives its exit code.
func Main(ctx context.Context, cfg Config, args []string) int {
	root, f := newRoot(cfg)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	if hasSomethingToSay(err) {
		fmt.Fprintln(f.Err, cmp.Or(root.Annotations[cobra.CommandDisplayNameAnnotation], root.Name())+":", output.CleanLines(err.Error()))
	}
	if !f.started {
		fmt.Fprintln(f.Err, "See --help.")
		return ExitUsage
	}
	return codeOf(err)
}
