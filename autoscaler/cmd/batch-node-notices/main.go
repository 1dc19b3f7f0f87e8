// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/imds"
	"github.com/muster-batch/muster/autoscaler/interruption"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "batch-node-notices:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string) error {
	o := newOptions()
	flags := pflag.NewFlagSet("batch-node-notices", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := o.Validate(flags.Args()); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig) // that of the pod without one
	if err != nil {
		return fmt.Errorf("configure the Kubernetes client: %w", err)
	}
	config.UserAgent = "batch-node-notices"
	client, err := typedcorev1.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make the Kubernetes client: %w", err)
	}
	a := &announcer{
		node: o.Node, interval: o.Interval, source: imds.New(o.MetadataEndpoint), clock: clock.RealClock{},
		marker: interruption.NewMarker(client.Nodes(), clock.RealClock{}),
	}
	logger := klog.Background()
	logger.Info("Starting batch-node-notices", "node", klog.KRef("", o.Node), "metadata", o.MetadataEndpoint)
	return a.Run(klog.NewContext(ctx, logger))
}
