// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/jobspec"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
)

// retryOptions are the flags of retry.
type retryOptions struct {
	queue  string
	anyEnd bool
	dryRun bool
}

func newRetry(f *frame) *cobra.Command {
	var o retryOptions
	cmd := &cobra.Command{
		Use: "retry JOB...", Aliases: []string{"resubmit"}, Args: cobra.MinimumNArgs(1), Short: "Submit failed jobs again, as they were submitted",
		Long: `Submit failed jobs again, each as a new job: to the same queue, with the same revision of the job definition and all that was said
beside it. Not the same are: dependencies, which are over; the number of attempts, which begins anew. An array is submitted whole.
- reads ids from standard input.`,
		Example: `  muster retry JOB
  muster jobs --queue high --status FAILED --since 1h -o name | muster retry -
  muster retry JOB --queue low --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := f.jobIDs(args)
			if err != nil {
				return err
			}
			return f.retry(cmd.Context(), ids, o)
		},
	}
	cmd.Flags().StringVarP(&o.queue, "queue", "q", "", "Submit to this queue instead.")
	cmd.Flags().BoolVar(&o.anyEnd, "force", false, "Also jobs that have not failed.")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "Print the requests and submit nothing.")
	f.completeFlag(cmd, "queue", f.queueNames)
	f.completeArgs(cmd, f.jobsIn(batch.StatusFailed))
	return cmd
}

// retried is a job and the one that was submitted in its place.
type retried struct {
	JobID string                    `json:"jobId"`
	As    *awsapi.SubmitJobResponse `json:"submitted,omitzero"`
	With  *awsapi.SubmitJobRequest  `json:"request,omitzero"`
}

// retry makes all requests first, so that nothing is submitted if one cannot be made.
func (f *frame) retry(ctx context.Context, ids []string, o retryOptions) error {
	list, err := f.requestsAgain(ctx, ids, o)
	if err != nil {
		return err
	}
	if o.dryRun {
		return f.printRequests(list)
	}
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	var failed error
	for i := range list {
		if list[i].As, failed = client.Do[awsapi.SubmitJobResponse](ctx, c, "SubmitJob", list[i].With); failed != nil {
			failed = fmt.Errorf("job %s: %w", list[i].JobID, failed)
			list = list[:i]
			break
		}
		list[i].With = nil
	}
	var names []string
	for _, r := range list {
		names = append(names, value(r.As.JobId))
	}
	if err := f.print(output.View{Object: map[string]any{"jobs": list}, Names: names, Human: func(*output.Printer) error {
		for _, r := range list {
			if err := f.printf("Submitted %s: %s, as %s was\n", value(r.As.JobName), value(r.As.JobId), r.JobID); err != nil {
				return err
			}
		}
		return nil
	}}); err != nil {
		return err
	}
	return failed
}

// printRequests prints the requests as submit -f takes them, of several jobs one after the other.
func (f *frame) printRequests(list []retried) error {
	p, err := f.printer()
	if err != nil {
		return err
	}
	if p.Format.IsForPeople() {
		p.Format.Kind = output.YAML
	}
	for i, r := range list {
		if i > 0 && p.Format.Kind == output.YAML {
			if _, err := fmt.Fprintln(p.Out, "---"); err != nil {
				return err
			}
		}
		if err := p.Print(output.View{Object: r.With, Names: []string{r.JobID}}); err != nil {
			return err
		}
	}
	return nil
}

func (f *frame) requestsAgain(ctx context.Context, ids []string, o retryOptions) (list []retried, err error) {
	jobs, err := f.describe(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		in, err := f.requestAgain(ctx, &jobs[i], o)
		if err != nil {
			return nil, fmt.Errorf("job %s: %w", ids[i], err)
		}
		list = append(list, retried{JobID: ids[i], With: in})
	}
	return list, nil
}

func (f *frame) requestAgain(ctx context.Context, job *awsapi.JobDetail, o retryOptions) (*awsapi.SubmitJobRequest, error) {
	if status := statusOf(job); status != batch.StatusFailed && !o.anyEnd {
		return nil, fmt.Errorf("is %s, not FAILED; --force submits it all the same", status)
	}
	if isArray(job) {
		child, err := f.describe(ctx, batch.ChildID(value(job.JobId), 0))
		if err != nil {
			return nil, err
		}
		job.Timeout = child[0].Timeout
	}
	definition, err := f.definition(ctx, value(job.JobDefinition))
	if err != nil {
		return nil, err
	}
	in, err := jobspec.Again(job, definition)
	if err != nil {
		return nil, err
	}
	if o.queue != "" {
		in.JobQueue = &o.queue
	}
	return in, nil
}
