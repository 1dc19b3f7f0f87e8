// SPDX-License-Identifier: Apache-2.0

//go:build kwok

package main

import (
	"context"
	"errors"
	"fmt"
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
	err := start(ctx, os.Args[1:])
	stop()
	logs.FlushLogs()
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "batch-autoscaler:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string) error {
	o := newOptions()
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
