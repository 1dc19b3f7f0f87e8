// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/output"
)

// listOptions are the flags of muster jobs.
type listOptions struct {
	queues, statuses   []string
	array, nodes       string
	name, share, since string
	limit              int
	watch              bool
}

func newJobs(f *frame) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use: "jobs", Aliases: []string{"list", "ls"}, Args: cobra.NoArgs, Short: "List jobs, the latest first",
		Long: `List jobs of all statuses and all queues that you may see, the latest first, 100 of them unless --limit says otherwise.`,
		Example: `  muster jobs --queue high --status RUNNING,RUNNABLE
  muster jobs --name 'night-*' --since 24h -o wide
  muster jobs --array JOB --status FAILED
  muster jobs --queue high --watch
  muster jobs --queue high --status RUNNABLE --limit 0 -o name | muster terminate --reason "not needed" -`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.query(cmd.Context(), &o)
			if err != nil {
				return err
			}
			if o.watch {
				return f.watchJobs(cmd.Context(), q)
			}
			return f.listJobs(cmd.Context(), q)
		},
	}
	fs := cmd.Flags()
	fs.StringSliceVarP(&o.queues, "queue", "q", nil, "Job queue, by name or ARN. Default all. May be repeated.")
	fs.StringSliceVarP(&o.statuses, "status", "s", nil, "Status: SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED or FAILED. Default all. May be repeated.")
	fs.StringVar(&o.array, "array", "", "List the children of this array instead.")
	fs.StringVar(&o.nodes, "nodes-of", "", "List the nodes of this multi-node job instead.")
	fs.StringVar(&o.name, "name", "", "Name of the job; it may end in *.")
	fs.StringVar(&o.share, "share", "", "Share identifier.")
	fs.StringVar(&o.since, "since", "", "Submitted since: 10m ago, or 2006-01-02T15:04:05Z.")
	fs.IntVar(&o.limit, "limit", 100, "Most jobs to list; 0 for all.")
	fs.BoolVarP(&o.watch, "watch", "w", false, "Go on, and print each job again that changes.")
	f.completeFlag(cmd, "queue", f.queueNames)
	f.completeFlag(cmd, "status", fixed(statusNames()...))
	f.completeFlag(cmd, "array", f.jobsIn(batch.JobStatuses[:]...))
	f.completeFlag(cmd, "nodes-of", f.jobsIn(batch.JobStatuses[:]...))
	cmd.MarkFlagsMutuallyExclusive("array", "nodes-of", "queue")
	return cmd
}

// statusNamed is the status that a flag names, in any case.
func statusNamed(text string) (batch.JobStatus, error) {
	status := batch.JobStatus(strings.ToUpper(text))
	if !slices.Contains(batch.JobStatuses[:], status) {
		return "", usagef("--status %.64q: must be one of %s", text, strings.Join(statusNames(), ", "))
	}
	return status, nil
}

func statusNames() (list []string) {
	for _, s := range batch.JobStatuses {
		list = append(list, string(s))
	}
	return list
}

// query makes the query of the flags.
func (f *frame) query(ctx context.Context, o *listOptions) (q jobQuery, err error) {
	q = jobQuery{queues: o.queues, name: o.name, share: o.share, limit: o.limit}
	if q.since, err = sinceOf(o.since, f.now()); err != nil {
		return q, err
	}
	for _, s := range o.statuses {
		status, err := statusNamed(s)
		if err != nil {
			return q, err
		}
		q.statuses = append(q.statuses, status)
	}
	if o.limit < 0 {
		return q, usagef("--limit %d: must not be negative", o.limit)
	}
	if o.array != "" || o.nodes != "" {
		q.parent, q.hasNodes = jobID(o.array+o.nodes), o.nodes != ""
		return q, nil
	}
	if len(q.queues) > 0 {
		return q, nil
	}
	c, err := f.connect(ctx)
	if err != nil {
		return q, err
	}
	q.queues, err = f.queueNames(ctx, c)
	return q, err
}

// listJobs prints the jobs of a query. A table is printed a page at a time; all else needs all of them.
func (f *frame) listJobs(ctx context.Context, q jobQuery) error {
	p, err := f.printer()
	if err != nil {
		return err
	}
	limit := q.limit
	if limit > 0 {
		q.limit++ // one more tells whether there are more
	}
	table := f.jobTable(p, len(q.queues) > 1)
	var batchOf, all []queuedJob
	count := 0
	for job, err := range f.list(ctx, q) {
		if err != nil {
			return err
		}
		if count++; limit > 0 && count > limit {
			f.notef("There are more; --limit 0 lists all\n")
			break
		}
		if !p.Format.IsForPeople() && p.Format.Kind != output.Name {
			all = append(all, job)
			continue
		}
		if batchOf = append(batchOf, job); len(batchOf) == printedAtOnce {
			if err := f.printJobs(p, table, batchOf); err != nil {
				return err
			}
			batchOf = batchOf[:0]
		}
	}
	if !p.Format.IsForPeople() && p.Format.Kind != output.Name {
		return p.Print(output.View{Object: jobList(all)})
	}
	if count == 0 {
		f.notef("No jobs\n")
		return nil
	}
	return f.printJobs(p, table, batchOf)
}

// printedAtOnce is how many rows share their columns' widths.
const printedAtOnce = 1000

// jobList is a list as the API gives it.
func jobList(jobs []queuedJob) *awsapi.ListJobsResponse {
	out := &awsapi.ListJobsResponse{JobSummaryList: make([]awsapi.JobSummary, len(jobs))}
	for i := range jobs {
		out.JobSummaryList[i] = jobs[i].JobSummary
	}
	return out
}

func (f *frame) jobTable(p *output.Printer, hasQueues bool) *output.Table {
	return p.NewTable(
		output.Column{Name: "ID"},
		output.Column{Name: "NAME", IsElastic: true},
		output.Column{Name: "QUEUE", IsWide: !hasQueues},
		output.Column{Name: "STATUS", Style: output.OfStatus},
		output.Column{Name: "AGE", IsRight: true},
		output.Column{Name: "RAN", IsRight: true},
		output.Column{Name: "SHARE", IsWide: true},
		output.Column{Name: "DEFINITION", IsWide: true},
		output.Column{Name: "VCPUS", IsWide: true, IsRight: true},
		output.Column{Name: "EXIT", IsWide: true, IsRight: true},
		output.Column{Name: "REASON", IsElastic: true},
	)
}

// printJobs prints jobs as rows, or their ids.
func (f *frame) printJobs(p *output.Printer, table *output.Table, jobs []queuedJob) error {
	if p.Format.Kind == output.Name {
		names := make([]string, len(jobs))
		for i := range jobs {
			names[i] = value(jobs[i].JobId)
		}
		return p.Print(output.View{Names: names})
	}
	rows := make([][]string, len(jobs))
	for i := range jobs {
		rows[i] = jobRow(&jobs[i], f.now())
	}
	return table.Add(rows...)
}

func jobRow(job *queuedJob, now time.Time) []string {
	exit := output.None
	if c := job.Container; c != nil && c.ExitCode != nil {
		exit = strconv.Itoa(*c.ExitCode)
	}
	vcpus := output.None
	if len(job.CapacityUsage) > 0 {
		vcpus = number(value(job.CapacityUsage[0].Quantity))
	}
	queue := job.queue
	if queue == "" {
		queue = output.None
	}
	return []string{
		value(job.JobId), value(job.JobName), queue, value(job.Status), output.Since(now, job.CreatedAt), output.Between(now, job.StartedAt, job.StoppedAt),
		value(job.ShareIdentifier), resourceName(value(job.JobDefinition)), vcpus, exit, summaryReason(&job.JobSummary),
	}
}

// summaryReason is why a job is as it is; of an array, how its children are.
func summaryReason(job *awsapi.JobSummary) string {
	reason := value(job.StatusReason)
	switch {
	case job.ArrayProperties != nil && value(job.ArrayProperties.Size) > 0:
		text := fmt.Sprintf("%d children: %s", value(job.ArrayProperties.Size), countsText(job.ArrayProperties.StatusSummary))
		if reason != "" {
			text += "; " + reason
		}
		return text
	case job.NodeProperties != nil && job.NodeProperties.NodeIndex == nil && value(job.NodeProperties.NumNodes) > 0:
		return strings.TrimPrefix(fmt.Sprintf("%s; %d nodes", reason, value(job.NodeProperties.NumNodes)), "; ")
	}
	return reason
}

// watchAgain is how often jobs are looked at that are watched.
const watchAgain = 2 * time.Second

// watchJobs prints jobs, and again each that changes. While the server is not reached it waits.
func (f *frame) watchJobs(ctx context.Context, q jobQuery) error {
	p, err := f.printer()
	if err != nil {
		return err
	}
	table := f.jobTable(p, len(q.queues) > 1)
	seen := map[string]string{}
	for {
		jobs, err := f.collect(ctx, q)
		if ctx.Err() != nil {
			return &ExitError{Code: ExitOK} // that is how watching ends
		}
		if err != nil && !isPassing(err) {
			return err
		}
		slices.Reverse(jobs) // what is new comes last
		var changed []queuedJob
		for _, job := range jobs {
			now := fmt.Sprint(value(job.Status), job.StartedAt != nil, summaryReason(&job.JobSummary))
			if seen[value(job.JobId)] != now {
				changed = append(changed, job)
			}
			seen[value(job.JobId)] = now
		}
		if err := f.printChanged(p, table, changed); err != nil {
			return err
		}
		_ = sleep(ctx, watchAgain) // whether that was the end is seen above
	}
}

func (f *frame) collect(ctx context.Context, q jobQuery) (jobs []queuedJob, err error) {
	for job, err := range f.list(ctx, q) {
		if err != nil {
			return jobs, err
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// printChanged prints jobs that changed: rows, ids, or an object for each.
func (f *frame) printChanged(p *output.Printer, table *output.Table, jobs []queuedJob) error {
	if len(jobs) == 0 {
		return nil
	}
	if p.Format.IsForPeople() || p.Format.Kind == output.Name {
		return f.printJobs(p, table, jobs)
	}
	for i := range jobs {
		if err := p.Print(output.View{Object: jobs[i].JobSummary}); err != nil {
			return err
		}
	}
	return nil
}
