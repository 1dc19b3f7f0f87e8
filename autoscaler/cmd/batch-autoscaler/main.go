// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json
	"k8s.io/klog/v2"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:], os.Stdout)
	stop()
	logs.FlushLogs()
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "batch-autoscaler:", err)
		os.Exit(1)
	}
}

// commands are what the first argument before the flags may be.
var commands = map[string]func(context.Context, *options, io.Writer) error{
	commandDoctor: examine,
	commandTypes:  printTypes,
}

// start runs the program, or the command that is the first argument.
func start(ctx context.Context, args []string, out io.Writer) error {
	run, o, err := parse(args, out)
	if err != nil {
		return err
	}
	if err := logsapi.ValidateAndApply(o.Logs, nil); err != nil { // once in a process
		return err
	}
	return run(klog.NewContext(ctx, klog.Background()), o)
}

// parse reads the arguments: what is to be run, and with which options.
func parse(args []string, out io.Writer) (todo func(context.Context, *options) error, o *options, err error) {
	todo, o = run, newOptions()
	if len(args) > 0 {
		if command := commands[args[0]]; command != nil {
			args = args[1:]
			todo = func(ctx context.Context, o *options) error { return command(ctx, o, out) }
		}
	}
	flags := pflag.NewFlagSet("batch-autoscaler", pflag.ContinueOnError)
	flags.SortFlags = false
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return nil, nil, err
	}
	return todo, o, o.Validate(flags.Args())
}
