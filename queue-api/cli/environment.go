// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/cli/manifest"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

func newEnvironment(f *frame) *cobra.Command {
	s := shape{
		kind: manifest.ComputeEnvironment, what: "compute environments",
		columns: []output.Column{
			{Name: "NAME"},
			{Name: "TYPE"},
			{Name: "STATE", Style: output.OfStatus},
			{Name: "STATUS", Style: output.OfStatus},
			{Name: "DESIRED", IsRight: true},
			{Name: "MAX", IsRight: true},
			{Name: "INSTANCES", IsElastic: true},
			{Name: "NAMESPACE", IsWide: true},
			{Name: "REASON", IsElastic: true},
		},
		row: environmentRow,
	}
	c := group("ce", "Compute environments: where jobs run, and draining them",
		newList(f, s, "ce"), newShow(f, s, "ce"), newEnvironmentState(f, "drain"), newEnvironmentState(f, "disable"), newEnvironmentState(f, "enable"))
	c.Aliases, c.Example = []string{"environment", "environments"}, "  muster ce list\n  muster ce drain pool --wait"
	return c
}

func environmentRow(e map[string]any) []string {
	kind, most := at(e, "type"), at(e, "computeResources", "maxvCpus")
	if resources := at(e, "computeResources", "type"); resources != output.None {
		kind += "/" + resources
	} else {
		most = at(e, "unmanagedvCpus")
	}
	return []string{
		at(e, "computeEnvironmentName"), kind, at(e, "state"), at(e, "status"), at(e, "computeResources", "desiredvCpus"), most,
		join(listAt(e, "computeResources", "instanceTypes"), ""), at(e, "eksConfiguration", "kubernetesNamespace"), at(e, "statusReason"),
	}
}

// environmentVerbs say what the commands do that change an environment's state.
var environmentVerbs = map[string]struct{ short, long, state, done string }{
	"drain": {
		"Start no more jobs in an environment; --wait until those in it have ended",
		"Start no more jobs in an environment, by its state DISABLED. Jobs in it go on; instances that have none go, down to minvCpus.",
		"DISABLED", "starts no more jobs",
	},
	"disable": {"Start no more jobs in an environment", "", "DISABLED", "disabled"},
	"enable":  {"Start jobs in an environment again", "", "ENABLED", "enabled"},
}

func newEnvironmentState(f *frame, verb string) *cobra.Command {
	v := environmentVerbs[verb]
	var wait bool
	var timeout time.Duration
	c := &cobra.Command{
		Use: verb + " NAME...", Args: cobra.MinimumNArgs(1), Short: v.short, Long: v.long, Example: "  muster ce " + verb + " pool",
		ValidArgsFunction: f.completeNames(manifest.ComputeEnvironment),
	}
	if verb == "drain" {
		c.Flags().BoolVar(&wait, "wait", false, "Wait until no job is left in it.")
		c.Flags().DurationVar(&timeout, "wait-timeout", time.Hour, "With --wait: how long.")
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := f.connect(cmd.Context())
		if err != nil {
			return err
		}
		for _, name := range args {
			if err := client.Call(cmd.Context(), "UpdateComputeEnvironment", map[string]any{"computeEnvironment": name, "state": v.state}, nil); err != nil {
				return err
			}
			if err := f.printf("computeenvironment/%s %s\n", nameOf(name), v.done); err != nil {
				return err
			}
		}
		if !wait {
			return nil
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		for _, name := range args {
			if err := f.awaitDrained(ctx, client, nameOf(name)); err != nil {
				return timedOut(ctx, err)
			}
		}
		return nil
	}
	return c
}

// awaitDrained waits until no job is on a node of an environment.
func (f *frame) awaitDrained(ctx context.Context, c *client.Client, name string) error {
	last := 0
	for {
		left, err := jobsIn(ctx, c, name)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("computeenvironment/%s: %d attempts of jobs are still on its nodes: %w", name, last, ctx.Err())
		case err != nil:
			return fmt.Errorf("computeenvironment/%s: %w", name, err)
		case left == 0:
			return f.printf("computeenvironment/%s runs no jobs\n", name)
		}
		last = left
		_ = sleep(ctx, lookEvery) // ends with ctx, which is looked at next
	}
}

// jobsIn counts the attempts of jobs on the nodes of an environment.
func jobsIn(ctx context.Context, c *client.Client, name string) (int, error) {
	nodes, err := nodesOf(ctx, c, name)
	if err != nil {
		return 0, err
	}
	for _, cluster := range nodes.Clusters {
		if cluster.Error != "" {
			return 0, fmt.Errorf("cluster %s does not tell what runs in it: %s", cluster.Name, cluster.Error)
		}
	}
	left := 0
	for i := range nodes.Nodes {
		left += len(nodes.Nodes[i].Jobs) + nodes.Nodes[i].HiddenJobs
	}
	return left, nil
}

func nodesOf(ctx context.Context, c *client.Client, environment string) (*viewapi.Nodes, error) {
	query := url.Values{}
	if environment != "" {
		query.Set("computeEnvironment", environment)
	}
	var out viewapi.Nodes
	return &out, c.Get(ctx, viewapi.PathNodes, query, &out)
}
