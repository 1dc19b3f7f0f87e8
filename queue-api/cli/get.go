// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/jobspec"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

func newGet(f *frame) *cobra.Command {
	cmd := &cobra.Command{
		Use: "get JOB...", Aliases: []string{"describe"}, Args: cobra.MinimumNArgs(1), Short: "Show jobs: what they are, their attempts, children and nodes",
		Long: `Show jobs: what they are, their attempts, children and nodes. JOB:INDEX is a child of an array, JOB#INDEX a node of a multi-node
job; - reads ids from standard input. With -o wide it also says what they cost. JSON and YAML are as DescribeJobs has them: of one job the job, of several a list.`,
		Example: `  muster get JOB
  muster get JOB -o wide
  muster get JOB:7 -o yaml
  muster get JOB -o jsonpath='{.attempts[*].container.exitCode}'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := f.jobIDs(args)
			if err != nil {
				return err
			}
			jobs, err := f.describe(cmd.Context(), ids...)
			if err != nil {
				return err
			}
			v := output.View{Object: &awsapi.DescribeJobsResponse{Jobs: jobs}, Names: ids, Human: func(p *output.Printer) error {
				for i := range jobs {
					if i > 0 {
						_, _ = io.WriteString(p.Out, "\n")
					}
					if err := f.printJob(cmd.Context(), p, &jobs[i]); err != nil {
						return err
					}
				}
				return nil
			}}
			if len(jobs) == 1 {
				v.Object = &jobs[0]
			}
			return f.print(v)
		},
	}
	f.completeArgs(cmd, f.jobsIn(batch.JobStatuses[:]...))
	return cmd
}

// printJob prints a job for people.
func (f *frame) printJob(ctx context.Context, p *output.Printer, job *awsapi.JobDetail) error {
	now := f.now()
	spent := f.spentOn(ctx, p, value(job.JobId))
	s := newSheet(p)
	s.row("Job", value(job.JobId))
	s.row("Name", value(job.JobName))
	s.row("Queue", resourceName(value(job.JobQueue)))
	s.row("Definition", resourceName(value(job.JobDefinition)))
	s.row("Status", string(statusOf(job)))
	s.row("Reason", value(job.StatusReason))
	s.row("Submitted", stampAge(job.CreatedAt, output.Since(now, job.CreatedAt)+" ago"))
	s.row("Started", stampAge(job.StartedAt, output.Since(now, job.StartedAt)+" ago"))
	s.row("Ended", stampAge(job.StoppedAt, "ran "+output.Between(now, job.StartedAt, job.StoppedAt)))
	if code, ok := exitCode(job); ok {
		s.row("Exit code", strconv.Itoa(code))
	}
	if spent != nil {
		s.row("Cost", costText(spent.Cost))
	}
	s.row("Share", value(job.ShareIdentifier))
	if job.SchedulingPriority != nil && job.ShareIdentifier != nil {
		s.row("Priority", strconv.Itoa(*job.SchedulingPriority))
	}
	s.row("Depends on", dependsText(job.DependsOn))
	s.row("Tries", triesText(job))
	if t := job.Timeout; t != nil && t.AttemptDurationSeconds != nil {
		s.row("Timeout", fmt.Sprint(*t.AttemptDurationSeconds, " s"))
	}
	containerRows(s, job)
	s.row("Parameters", pairsText(job.Parameters))
	s.row("Tags", pairsText(job.Tags))
	if isArray(job) {
		s.row("Children", fmt.Sprintf("%d: %s", value(job.ArrayProperties.Size), childrenText(job)))
	}
	if isMultiNode(job) {
		s.row("Nodes", fmt.Sprintf("%d, the main one is %d", value(job.NodeProperties.NumNodes), value(job.NodeProperties.MainNode)))
	}
	if err := s.print(); err != nil {
		return err
	}
	return f.printAttempts(p, job, spent)
}

// spentOn asks what a job cost; nil unless that is to be shown. A server of before cannot tell, which is no reason to show nothing.
func (f *frame) spentOn(ctx context.Context, p *output.Printer, id string) *viewapi.JobCost {
	if p.Format.Kind != output.Wide {
		return nil
	}
	var out viewapi.JobCost
	c, err := f.connect(ctx)
	if err == nil {
		err = c.Get(ctx, viewapi.PathCost(id), nil, &out)
	}
	if err != nil {
		f.notef("What job %s cost cannot be told: %v\n", id, err)
		return nil
	}
	return &out
}

// costText is a cost for people. What is not known is not 0.
func costText(c viewapi.Cost) string {
	switch {
	case c.Dollars == nil:
		return "unknown"
	case c.UnknownAttempts > 0:
		return fmt.Sprintf("at least $%s; of %d of %d attempts it is not known", price(c.Dollars), c.UnknownAttempts, c.Attempts)
	}
	if d := *c.Dollars; d > 0 && d < 0.0001 {
		return "<$0.0001"
	}
	return "$" + price(c.Dollars)
}

// attemptCost is what one attempt cost, and on what machine.
func attemptCost(spent *viewapi.JobCost, attempt int) (dollars, machine string) {
	dollars, machine = output.None, output.None
	if spent == nil {
		return dollars, machine
	}
	for _, a := range spent.Attempts {
		if a.Attempt != attempt {
			continue
		}
		if a.Cost.UnknownAttempts == 0 {
			dollars = price(a.Cost.Dollars)
		}
		if hosts := a.Hosts; len(hosts) == 1 && hosts[0].InstanceType != "" {
			machine = hosts[0].InstanceType
		} else if len(hosts) > 1 {
			machine = fmt.Sprintf("%d machines", len(hosts))
		}
	}
	return dollars, machine
}

func stampAge(millis *int64, age string) string {
	if millis == nil || *millis == 0 {
		return ""
	}
	return output.Stamp(millis) + " (" + age + ")"
}

func dependsText(list []awsapi.JobDependency) string {
	var parts []string
	for _, d := range list {
		parts = append(parts, strings.TrimSpace(value(d.JobId)+" "+value(d.Type)))
	}
	return strings.Join(parts, ", ")
}

// triesText is how many attempts the job may have, if that is more than one.
func triesText(job *awsapi.JobDetail) string {
	if job.RetryStrategy == nil || value(job.RetryStrategy.Attempts) < 2 {
		return ""
	}
	return strconv.Itoa(*job.RetryStrategy.Attempts)
}

// pairsText is a map in the order of its keys.
func pairsText(m map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, key+"="+m[key])
	}
	return strings.Join(parts, ", ")
}

// containerRows show what the containers are.
func containerRows(s *sheet, job *awsapi.JobDetail) {
	if c := job.Container; c != nil {
		s.row("Image", value(c.Image))
		s.row("Command", commandText(c.Command))
		s.row("Resources", resourcesText(c))
		if over := jobspec.Overruled(c.ResourceRequirements, c.Vcpus, c.Memory); over != "" {
			s.row("Not counted", over+" (resourceRequirements go first)")
		}
	}
	if p := job.EksProperties; p != nil && p.PodProperties != nil {
		for _, c := range slices.Concat(p.PodProperties.InitContainers, p.PodProperties.Containers) {
			s.row("Container", strings.Join(nonEmpty(value(c.Name), value(c.Image), commandText(slices.Concat(c.Command, c.Args))), "  "))
		}
		s.row("Pod", value(p.PodProperties.PodName))
		s.row("Node", value(p.PodProperties.NodeName))
	}
	if job.EcsProperties != nil {
		for _, t := range job.EcsProperties.TaskProperties {
			for _, c := range t.Containers {
				s.row("Container", strings.Join(nonEmpty(value(c.Name), value(c.Image), commandText(c.Command)), "  "))
			}
		}
	}
}

func nonEmpty(list ...string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// commandText is a command as a shell would take it, near enough to be read.
func commandText(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\n\"'$&|;<>()\\") {
			quoted[i] = strconv.Quote(w)
		}
	}
	return strings.Join(quoted, " ")
}

// resourcesText is what counts of what a container asks for.
func resourcesText(c *awsapi.ContainerDetail) string {
	asked := jobspec.Amounts(c.ResourceRequirements, c.Vcpus, c.Memory)
	var parts []string
	for _, unit := range [][2]string{{"VCPU", "vCPU"}, {"MEMORY", "MiB"}, {"GPU", "GPU"}} {
		if n := asked[unit[0]]; n != "" {
			parts = append(parts, n+" "+unit[1])
		}
	}
	return strings.Join(parts, ", ")
}

// printAttempts prints a row for each attempt that ended.
func (f *frame) printAttempts(p *output.Printer, job *awsapi.JobDetail, spent *viewapi.JobCost) error {
	now := f.now()
	var rows [][]string
	for i, a := range job.Attempts {
		exit, reason := output.None, value(a.StatusReason)
		if c := a.Container; c != nil {
			if c.ExitCode != nil {
				exit = strconv.Itoa(*c.ExitCode)
			}
			if c.Reason != nil {
				reason += "; " + *c.Reason
			}
		}
		rows = append(rows, []string{strconv.Itoa(i + 1), output.Stamp(a.StartedAt), output.Between(now, a.StartedAt, a.StoppedAt), exit, output.None, reason})
	}
	for i, a := range job.EksAttempts {
		exit, reasons := output.None, []string{value(a.StatusReason)}
		for _, c := range slices.Concat(a.InitContainers, a.Containers) {
			if c.ExitCode != nil && (exit == output.None || exit == "0") {
				exit = strconv.Itoa(*c.ExitCode)
			}
			if c.Reason != nil && *c.Reason != "Completed" {
				reasons = append(reasons, *c.Reason)
			}
		}
		rows = append(rows, []string{strconv.Itoa(i + 1), output.Stamp(a.StartedAt), output.Between(now, a.StartedAt, a.StoppedAt), exit, value(a.NodeName), strings.Join(reasons, "; ")})
	}
	if len(rows) == 0 {
		return nil
	}
	for i := range rows {
		dollars, machine := attemptCost(spent, i+1)
		rows[i] = slices.Insert(rows[i], len(rows[i])-1, machine, dollars)
	}
	_, _ = io.WriteString(p.Out, "\n")
	return p.NewTable(output.Column{Name: "ATTEMPT", IsRight: true}, output.Column{Name: "STARTED"}, output.Column{Name: "RAN", IsRight: true},
		output.Column{Name: "EXIT", IsRight: true}, output.Column{Name: "NODE"}, output.Column{Name: "MACHINE", IsWide: true},
		output.Column{Name: "$", IsWide: true, IsRight: true}, output.Column{Name: "REASON", IsElastic: true}).Add(rows...)
}
