// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	"k8s.io/component-base/compatibility"
	"k8s.io/component-base/featuregate"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	terminal "k8s.io/component-base/term"
	"k8s.io/component-base/version/verflag"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// newCommand is kube-scheduler's command, with our name, defaults, built-in configuration and plugins.
func newCommand(a *api, plugins ...app.Option) *cobra.Command {
	opts := options.NewOptions()
	cmd := &cobra.Command{
		Use:   "batch-scheduler",
		Short: "kube-scheduler with gangs",
		Long: `batch-scheduler places the pods whose spec.schedulerName is batch-scheduler: gangs
wholly or not at all, in the order in which the queue API admitted them, packed so
that other nodes empty out. It is kube-scheduler with plugins; its flags are
kube-scheduler's. Outside a cluster, --kubeconfig alone is enough.`,
		Args: cobra.NoArgs,
		// Whatever runs may ask for a feature.
		PersistentPreRunE: func(*cobra.Command, []string) error { return opts.ComponentGlobalsRegistry.Set() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			lent, err := configure(cmd.Flags())
			if err != nil {
				return err
			}
			defer lent.Close() // open until then: its path is in use
			return run(cmd, opts, a, plugins)
		},
	}
	verflag.AddFlags(opts.Flags.FlagSet("global"))
	globalflag.AddGlobalFlags(opts.Flags.FlagSet("global"), cmd.Name(), logs.SkipLoggingConfigurationFlags())
	for _, flags := range opts.Flags.FlagSets {
		cmd.Flags().AddFlagSet(flags)
	}
	describe(cmd.Flags())
	width, _, _ := terminal.TerminalSize(cmd.OutOrStdout()) // 0, which is unbounded, for no terminal
	cliflag.SetUsageAndHelpFunc(cmd, *opts.Flags, width)
	return cmd
}

// run runs kube-scheduler with the plugins, over the api.
func run(cmd *cobra.Command, opts *options.Options, a *api, plugins []app.Option) error {
	verflag.PrintAndExitIfRequested()
	features := opts.ComponentGlobalsRegistry.FeatureGateFor(compatibility.DefaultKubeComponent)
	if err := logsapi.ValidateAndApply(opts.Logs, features); err != nil {
		return err
	}
	cliflag.PrintFlags(cmd.Flags())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // whoever asks twice does not wait
	cc, sched, err := app.Setup(ctx, opts, plugins...)
	if err != nil {
		return err
	}
	if gate, ok := features.(featuregate.MutableFeatureGate); ok {
		gate.AddMetrics()
	}
	a.guard(cc.LeaderElection)
	stopEvents, err := a.adopt(ctx, sched)
	if err != nil {
		return err
	}
	defer stopEvents()
	return app.Run(ctx, cc, sched)
}
