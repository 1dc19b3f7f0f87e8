// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/klog/v2"
)

// gcPercent is Go's GOGC unless that is set. What lives is a few MiB, so that collecting less often costs little memory.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:])
	stop()
	logs.FlushLogs()
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "queue-api:", err)
		os.Exit(1)
	}
}

// start reads flags, sets up logging and runs until ctx ends.
func start(ctx context.Context, args []string) error {
	fs := pflag.NewFlagSet("queue-api", pflag.ContinueOnError)
	var o options
	o.addFlags(fs)
	logConfig := logsapi.NewLoggingConfiguration()
	logsapi.AddFlags(logConfig, fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if err := o.validate(); err != nil {
		return err
	}
	if err := logsapi.ValidateAndApply(logConfig, nil); err != nil {
		return fmt.Errorf("logging: %w", err)
	}
	return run(klog.NewContext(ctx, klog.Background()), o)
}
