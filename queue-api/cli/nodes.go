// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/manifest"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

func newNodes(f *frame) *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use: "nodes", Args: cobra.NoArgs, Short: "List the nodes that jobs run on, and what runs there",
		Example: "  muster nodes\n  muster nodes --ce pool -o wide",
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.nodes(cmd.Context(), environment) },
	}
	cmd.Flags().StringVar(&environment, "ce", "", "Nodes of this compute environment alone.")
	_ = cmd.RegisterFlagCompletionFunc("ce", f.completeNames(manifest.ComputeEnvironment)) // only fails for no such flag
	return cmd
}

func (f *frame) nodes(ctx context.Context, environment string) error {
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	out, err := nodesOf(ctx, c, environment)
	if err != nil {
		return err
	}
	names := make([]string, len(out.Nodes))
	for i := range out.Nodes {
		names[i] = out.Nodes[i].Name
	}
	err = f.print(output.View{Object: out, Names: names, Human: func(p *output.Printer) error { return printNodes(p, out, f.now()) }})
	for _, cluster := range out.Clusters {
		if cluster.Error != "" {
			f.notef("The nodes of cluster %s are missing: %s\n", cluster.Name, cluster.Error)
		}
	}
	if out.Truncated {
		f.notef("There are more nodes than these: --ce names an environment.\n")
	}
	return err
}

func printNodes(p *output.Printer, out *viewapi.Nodes, now time.Time) error {
	rows := make([][]string, len(out.Nodes))
	for i := range out.Nodes {
		rows[i] = nodeRow(&out.Nodes[i], now)
	}
	return p.NewTable(
		output.Column{Name: "NAME", IsElastic: true},
		output.Column{Name: "ENVIRONMENT"},
		output.Column{Name: "TYPE"},
		output.Column{Name: "ZONE"},
		output.Column{Name: "CAPACITY"},
		output.Column{Name: "STATE", Style: func(state string) output.Style {
			if state == "Ready" {
				return output.Green
			}
			return output.Yellow
		}},
		output.Column{Name: "VCPUS", IsRight: true},
		output.Column{Name: "MEMORY", IsRight: true},
		output.Column{Name: "GPUS", IsRight: true},
		output.Column{Name: "JOBS", IsRight: true},
		output.Column{Name: "$/H", IsRight: true},
		output.Column{Name: "AGE", IsRight: true},
		output.Column{Name: "CLUSTER", IsWide: true},
		output.Column{Name: "INSTANCE", IsWide: true},
		output.Column{Name: "MARK", IsWide: true, IsElastic: true},
		output.Column{Name: "RUNS", IsWide: true, IsElastic: true},
	).Add(rows...)
}

func nodeRow(n *viewapi.Node, now time.Time) []string {
	jobs := len(n.Jobs) + n.HiddenJobs
	ids := make([]string, len(n.Jobs))
	for i, j := range n.Jobs {
		ids[i] = j.JobID
	}
	return []string{
		n.Name, dash(n.ComputeEnvironment), dash(n.InstanceType), dash(n.Zone), dash(n.CapacityType), n.State(),
		decimal(n.Requested.VCPUs) + "/" + decimal(n.Allocatable.VCPUs),
		gib(n.Requested.MemoryMiB) + "/" + gib(n.Allocatable.MemoryMiB) + "Gi",
		gpus(n), strconv.Itoa(jobs), dollars(n.PricePerHour), output.Since(now, &n.CreatedAt), dash(n.Cluster), dash(n.InstanceID), dash(n.Mark),
		dash(strings.Join(ids, ",")),
	}
}

func dash(text string) string {
	if text == "" {
		return output.None
	}
	return text
}

// gib is MiB as GiB, with one digit.
func gib(mib int64) string { return strconv.FormatFloat(float64(mib)/1024, 'f', 1, 64) }

func gpus(n *viewapi.Node) string {
	if n.Allocatable.GPUs == 0 {
		return output.None
	}
	return strconv.FormatInt(n.Requested.GPUs, 10) + "/" + strconv.FormatInt(n.Allocatable.GPUs, 10)
}

// dollars is in dollars an hour.
func dollars(p *float64) string {
	if p == nil {
		return output.None
	}
	return strconv.FormatFloat(*p, 'f', 4, 64)
}

func newDecisions(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "decisions", Args: cobra.NoArgs, Short: "Show what the autoscaler did and said lately, newest first",
		Example: "  muster decisions\n  muster decisions -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			var out viewapi.Decisions
			if err := c.Get(cmd.Context(), viewapi.PathDecisions, nil, &out); err != nil {
				return err
			}
			return f.print(output.View{Object: out, Names: decisionIDs(out.Decisions), Human: func(p *output.Printer) error {
				rows := make([][]string, len(out.Decisions))
				for i, d := range out.Decisions {
					rows[i] = []string{output.Since(f.now(), &d.At), d.Type, d.Reason, strconv.Itoa(d.Count), dash(d.ComputeEnvironment), dash(d.Object), d.Message}
				}
				return p.NewTable(
					output.Column{Name: "AGO", IsRight: true},
					output.Column{Name: "TYPE", Style: warning},
					output.Column{Name: "REASON"},
					output.Column{Name: "TIMES", IsRight: true},
					output.Column{Name: "ENVIRONMENT"},
					output.Column{Name: "OBJECT", IsWide: true},
					output.Column{Name: "MESSAGE", IsElastic: true},
				).Add(rows...)
			}})
		},
	}
}

func decisionIDs(list []viewapi.Decision) []string {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

func warning(text string) output.Style {
	if text == "Warning" {
		return output.Yellow
	}
	return output.Plain
}

func newGang(f *frame) *cobra.Command {
	cmd := &cobra.Command{
		Use: "gang JOB", Args: cobra.ExactArgs(1), Short: "Show the members of a multi-node job, and who is missing",
		Example: "  muster gang JOB",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			var out viewapi.Gang
			if err := c.Get(cmd.Context(), viewapi.PathGang(nameOf(args[0])), nil, &out); err != nil {
				return orNoJob(err, nameOf(args[0]))
			}
			names := make([]string, len(out.Members))
			for i := range out.Members {
				names[i] = out.Members[i].Pod
			}
			return f.print(output.View{Object: out, Names: names, Human: func(p *output.Printer) error { return f.printGang(p, &out) }})
		},
	}
	f.completeArgs(cmd, f.jobsIn(batch.JobStatuses[:]...))
	return cmd
}

func (f *frame) printGang(p *output.Printer, g *viewapi.Gang) error {
	text := fmt.Sprintf("%s %s: %d of %d bound, %d waiting, %d missing.\n", g.JobID, g.Status, g.Bound, g.Size, g.Waiting, g.Missing)
	if g.Reason != "" {
		text += g.Reason + "\n"
	}
	if err := f.printf("%s\n", text); err != nil {
		return err
	}
	rows := make([][]string, len(g.Members))
	for i, m := range g.Members {
		index := strconv.Itoa(m.Index)
		if m.Main {
			index += "*"
		}
		exit := output.None
		if m.ExitCode != nil {
			exit = strconv.Itoa(*m.ExitCode)
		}
		rows[i] = []string{index, dash(m.Status), dash(m.Node), dash(m.Zone), exit, dash(m.Pod), dash(m.Reason)}
	}
	return p.NewTable(
		output.Column{Name: "INDEX", IsRight: true},
		output.Column{Name: "STATUS"},
		output.Column{Name: "NODE"},
		output.Column{Name: "ZONE"},
		output.Column{Name: "EXIT", IsRight: true},
		output.Column{Name: "POD"},
		output.Column{Name: "REASON", IsElastic: true},
	).Add(rows...)
}
