// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/cli/manifest"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

func newQueue(f *frame) *cobra.Command {
	s := shape{kind: manifest.JobQueue, what: "job queues"}
	list := newList(f, s, "queue")
	list.RunE = func(cmd *cobra.Command, args []string) error { return f.listQueues(cmd.Context(), s, args) }
	c := group("queue", "Job queues: what waits in them, and pausing and draining them",
		list, newShow(f, s, "queue"), newSnapshot(f), newPause(f), newResume(f), newQueueState(f, "drain"), newQueueState(f, "enable"))
	c.Example = "  muster queue list\n  muster queue pause research"
	return c
}

// listQueues lists queues with what is in them, as far as the server tells.
func (f *frame) listQueues(ctx context.Context, s shape, names []string) error {
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	things, err := s.find(ctx, c, names)
	if err != nil {
		return err
	}
	summary, err := summaryOf(ctx, c)
	if err != nil {
		return err
	}
	byName := map[string]viewapi.QueueSummary{}
	for _, q := range summary.Queues {
		byName[q.JobQueue] = q
	}
	s.columns = []output.Column{
		{Name: "NAME"},
		{Name: "STATE", Style: output.OfStatus},
		{Name: "STATUS", Style: output.OfStatus},
		{Name: "PRIORITY", IsRight: true},
		{Name: "RUNNABLE", IsRight: true},
		{Name: "RUNNING", IsRight: true},
		{Name: "VCPUS", IsRight: true},
		{Name: "OLDEST", IsRight: true},
		{Name: "ENVIRONMENTS", IsElastic: true},
		{Name: "POLICY", IsWide: true},
		{Name: "REASON", IsWide: true, IsElastic: true},
	}
	s.row = func(thing map[string]any) []string { return queueRow(thing, byName) }
	return f.printThings(s, things)
}

func queueRow(thing map[string]any, summaries map[string]viewapi.QueueSummary) []string {
	name := at(thing, "jobQueueName")
	row := []string{
		name, stateOf(thing), at(thing, "status"), at(thing, "priority"), output.None, output.None, output.None, output.None,
		join(listAt(thing, "computeEnvironmentOrder"), "computeEnvironment"), nameOf(at(thing, "schedulingPolicyArn")), at(thing, "statusReason"),
	}
	if q, ok := summaries[name]; ok {
		row[4], row[5], row[6] = count(q.Counts["RUNNABLE"]), count(q.Counts["STARTING"]+q.Counts["RUNNING"]), decimal(q.VCPUsUsed)
		if age := q.OldestRunnableAgeSeconds; age != nil {
			row[7] = output.Age(time.Duration(*age) * time.Second)
		}
	}
	return row
}

// stateOf is a queue's state, or that it is paused.
func stateOf(queue map[string]any) string {
	state := at(queue, "state")
	if at(queue, "tags", viewapi.TagPaused) == "true" && state == "ENABLED" {
		return "PAUSED"
	}
	return state
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// decimal is a number without needless digits.
func decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// summaryOf is what the server tells of queues; empty where it does not tell, or not this caller.
func summaryOf(ctx context.Context, c *client.Client) (*viewapi.Summary, error) {
	var out viewapi.Summary
	err := c.Get(ctx, viewapi.PathSummary, nil, &out)
	if client.IsUnknownOperation(err) || client.IsDenied(err) {
		return &viewapi.Summary{}, nil
	}
	return &out, err
}

func newSnapshot(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "snapshot NAME", Args: cobra.ExactArgs(1), Short: "Show the jobs at the head of a queue, and who uses what",
		Example:           "  muster queue snapshot research",
		ValidArgsFunction: f.completeNames(manifest.JobQueue),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.connect(cmd.Context())
			if err != nil {
				return err
			}
			out, err := client.Do[awsapi.GetJobQueueSnapshotResponse](cmd.Context(), c, "GetJobQueueSnapshot", &awsapi.GetJobQueueSnapshotRequest{JobQueue: &args[0]})
			if err != nil {
				return err
			}
			return f.printSnapshot(out)
		},
	}
}

func (f *frame) printSnapshot(s *awsapi.GetJobQueueSnapshotResponse) error {
	var front []awsapi.FrontOfQueueJobSummary
	if s.FrontOfQueue != nil {
		front = s.FrontOfQueue.Jobs
	}
	var rows [][]string
	var names []string
	for i, job := range front {
		id := ""
		if job.JobArn != nil {
			id = nameOf(*job.JobArn)
		}
		names = append(names, id)
		rows = append(rows, []string{strconv.Itoa(i + 1), id, output.Since(f.now(), job.EarliestTimeAtPosition)})
	}
	return f.print(output.View{Object: s, Names: names, Human: func(p *output.Printer) error {
		if err := p.NewTable(output.Column{Name: "POSITION", IsRight: true}, output.Column{Name: "JOB"}, output.Column{Name: "THERE-FOR", IsRight: true}).Add(rows...); err != nil {
			return err
		}
		if s.QueueUtilization == nil {
			return nil
		}
		return f.printUtilization(p, s.QueueUtilization)
	}})
}

// printUtilization prints what the queue uses, and its shares.
func (f *frame) printUtilization(p *output.Printer, u *awsapi.QueueSnapshotUtilizationDetail) error {
	var total []string
	for _, usage := range u.TotalCapacityUsage {
		total = append(total, decimal(deref(usage.Quantity))+" "+deref(usage.CapacityUnit))
	}
	if err := f.printf("\nIn use: %s\n", cmp.Or(strings.Join(total, ", "), "nothing")); err != nil {
		return err
	}
	if u.FairshareUtilization == nil || len(u.FairshareUtilization.TopCapacityUtilization) == 0 {
		return nil
	}
	var rows [][]string
	for _, share := range u.FairshareUtilization.TopCapacityUtilization {
		for _, usage := range share.CapacityUsage {
			rows = append(rows, []string{deref(share.ShareIdentifier), decimal(deref(usage.Quantity)), deref(usage.CapacityUnit)})
		}
	}
	if err := f.printf("\n"); err != nil {
		return err
	}
	return p.NewTable(output.Column{Name: "SHARE"}, output.Column{Name: "IN-USE", IsRight: true}, output.Column{Name: "UNIT"}).Add(rows...)
}

// deref is what p points to, zero if it is nil.
func deref[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

func newPause(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "pause NAME...", Args: cobra.MinimumNArgs(1), Short: "Let no more jobs of a queue start",
		Long: "Let no more jobs of a queue start. It goes on taking jobs, and those that run go on. It does so by the queue's tag " +
			viewapi.TagPaused + ", for which the caller needs the right to tag the queue.",
		Example:           "  muster queue pause research",
		ValidArgsFunction: f.completeNames(manifest.JobQueue),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.eachQueue(cmd.Context(), args, "paused", func(ctx context.Context, c *client.Client, _, arn string) error {
				return c.Call(ctx, "TagResource", map[string]any{"resourceArn": arn, "tags": map[string]string{viewapi.TagPaused: "true"}}, nil)
			})
		},
	}
}

func newResume(f *frame) *cobra.Command {
	return &cobra.Command{
		Use: "resume NAME...", Args: cobra.MinimumNArgs(1), Short: "Let jobs of a paused queue start again",
		Example:           "  muster queue resume research",
		ValidArgsFunction: f.completeNames(manifest.JobQueue),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.eachQueue(cmd.Context(), args, "resumed", func(ctx context.Context, c *client.Client, _, arn string) error {
				return c.Call(ctx, "UntagResource", map[string]any{"resourceArn": arn, "tagKeys": []string{viewapi.TagPaused}}, nil)
			})
		},
	}
}

// eachQueue does something to queues and says so.
func (f *frame) eachQueue(ctx context.Context, names []string, done string, do func(ctx context.Context, c *client.Client, name, arn string) error) error {
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	s := shape{kind: manifest.JobQueue}
	for _, name := range names {
		queue, err := s.get(ctx, c, name)
		if err != nil {
			return err
		}
		name = manifest.JobQueue.NameOf(queue)
		if err := do(ctx, c, name, at(queue, "jobQueueArn")); err != nil {
			return fmt.Errorf("jobqueue/%s: %w", name, err)
		}
		if err := f.printf("jobqueue/%s %s\n", name, done); err != nil {
			return err
		}
	}
	return nil
}

// liveStatuses are those of jobs that have not ended.
var liveStatuses = []string{"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"}

func newQueueState(f *frame, verb string) *cobra.Command {
	var wait bool
	var timeout time.Duration
	c := &cobra.Command{
		Use: verb + " NAME...", Args: cobra.MinimumNArgs(1), Example: "  muster queue " + verb + " research",
		ValidArgsFunction: f.completeNames(manifest.JobQueue),
	}
	if verb == "enable" {
		c.Short = "Let a queue take jobs again"
		c.RunE = func(cmd *cobra.Command, args []string) error {
			return f.eachQueue(cmd.Context(), args, "enabled", setQueueState("ENABLED"))
		}
		return c
	}
	c.Aliases, c.Short = []string{"disable"}, "Let a queue take no more jobs; those in it go on"
	c.Example += " --wait"
	c.Flags().BoolVar(&wait, "wait", false, "Wait until all jobs in it have ended.")
	c.Flags().DurationVar(&timeout, "wait-timeout", time.Hour, "With --wait: how long.")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.eachQueue(cmd.Context(), args, "takes no more jobs", setQueueState("DISABLED")); err != nil || !wait {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		return timedOut(ctx, f.eachQueue(ctx, args, "is empty", f.awaitEmpty))
	}
	return c
}

func setQueueState(state string) func(ctx context.Context, c *client.Client, name, arn string) error {
	return func(ctx context.Context, c *client.Client, name, _ string) error {
		return c.Call(ctx, "UpdateJobQueue", map[string]any{"jobQueue": name, "state": state}, nil)
	}
}

// lookEvery lies between two looks at what is waited for.
const lookEvery = time.Second

// awaitEmpty waits until no job of a queue is left that has not ended.
func (*frame) awaitEmpty(ctx context.Context, c *client.Client, name, _ string) error {
	last := ""
	for {
		left, err := liveStatus(ctx, c, name)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("there are still %s jobs: %w", last, ctx.Err())
		case err != nil || left == "":
			return err
		}
		last = left
		_ = sleep(ctx, lookEvery) // ends with ctx, which is looked at next
	}
}

// liveStatus is the status of a job in the queue that has not ended; empty if all have.
func liveStatus(ctx context.Context, c *client.Client, queue string) (string, error) {
	for _, status := range liveStatuses {
		page, err := client.Do[awsapi.ListJobsResponse](ctx, c, "ListJobs", map[string]any{"jobQueue": queue, "jobStatus": status, "maxResults": 1})
		if err != nil {
			return "", err
		}
		if len(page.JobSummaryList) > 0 {
			return status, nil
		}
	}
	return "", nil
}
