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
	o := newOptions()
	run := run
	if len(args) > 0 {
		if command := commands[args[0]]; command != nil {
			args = args[1:]
			run = func(ctx context.Context, o *options) error { return command(ctx, o, out) }
		}
	}
	flags := pflag.NewFlagSet("batch-autoscaler", pflag.ContinueOnError)
	flags.SortFlags = false
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := errors.Join(o.Validate(flags.Args()), logsapi.ValidateAndApply(o.Logs, nil)); err != nil {
		return err
	}
	return run(klog.NewContext(ctx, klog.Background()), o)
}
