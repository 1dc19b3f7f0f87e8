// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
)

// stopOptions are the flags of cancel and terminate.
type stopOptions struct {
	reason string
	wait   bool
}

func newCancel(f *frame) *cobra.Command {
	var o stopOptions
	cmd := &cobra.Command{
		Use: "cancel JOB...", Args: cobra.MinimumNArgs(1), Short: "Cancel jobs that have not started yet",
		Long: `Cancel jobs that have not started yet. Those that are STARTING or RUNNING go on: see muster terminate. - reads ids from standard
input.`,
		Example: `  muster cancel JOB --reason "wrong input"
  muster jobs -q high -s RUNNABLE --limit 0 -o name | muster cancel -`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.stop(cmd.Context(), "CancelJob", args, o) },
	}
	o.addFlags(cmd)
	f.completeArgs(cmd, f.jobsIn(batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable))
	return cmd
}

func newTerminate(f *frame) *cobra.Command {
	var o stopOptions
	cmd := &cobra.Command{
		Use: "terminate JOB...", Aliases: []string{"kill"}, Args: cobra.MinimumNArgs(1), Short: "End jobs, whether they have started or not",
		Long: `End jobs, whether they have started or not. They fail with the reason, and are not tried again. - reads ids from standard input.`,
		Example: `  muster terminate JOB --reason "takes too long" --wait
  muster jobs --name 'night-*' --limit 0 -o name | muster terminate -`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.stop(cmd.Context(), "TerminateJob", args, o) },
	}
	o.addFlags(cmd)
	f.completeArgs(cmd, f.jobsIn(batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable, batch.StatusStarting, batch.StatusRunning))
	return cmd
}

func (o *stopOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.reason, "reason", "Stopped with muster", "Why. The jobs fail with it as their statusReason.")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait until the jobs have ended.")
}

// maxStopped is how many jobs one request stops. AWS Batch: 50.
const maxStopped = 50

// stop asks for the end of jobs. Some may be refused; it tells of each and goes on.
func (f *frame) stop(ctx context.Context, operation string, args []string, o stopOptions) error {
	ids, err := f.jobIDs(args)
	if err != nil {
		return err
	}
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	ended := map[string]batch.JobStatus{}
	if len(ids) <= maxDescribed { // an id that is not there is as good as stopped, to the API, and so is a job that has ended
		jobs, err := f.describe(ctx, ids...)
		if err != nil {
			return err
		}
		for i := range jobs {
			if status := statusOf(&jobs[i]); status.IsTerminal() {
				ended[value(jobs[i].JobId)] = status
			}
		}
	}
	result := &awsapi.TerminateJobsResponse{Successful: []string{}, Errors: []awsapi.TerminateJobsErrorDetail{}}
	for chunk := range slices.Chunk(ids, maxStopped) {
		out, err := client.Do[awsapi.TerminateJobsResponse](ctx, c, operation+"s", &awsapi.TerminateJobsRequest{Jobs: chunk, Reason: &o.reason})
		if err != nil {
			return err
		}
		result.Successful = append(result.Successful, out.Successful...)
		result.Errors = append(result.Errors, out.Errors...)
	}
	if err := f.printStopped(operation, result, ended); err != nil {
		return err
	}
	if operation == "CancelJob" {
		if err := f.noteRunning(ctx, result.Successful); err != nil {
			return err
		}
	}
	if o.wait {
		return f.awaitAll(ctx, result.Successful)
	}
	if len(result.Errors) > 0 {
		return &ExitError{Code: ExitFailed}
	}
	return nil
}

// printStopped tells what was stopped, and what had ended before.
func (f *frame) printStopped(operation string, result *awsapi.TerminateJobsResponse, ended map[string]batch.JobStatus) error {
	word := map[string]string{"CancelJob": "Cancelled", "TerminateJob": "Terminated"}[operation]
	for _, e := range result.Errors {
		f.notef("%s: %s: %s\n", value(e.Job), value(e.Code), value(e.Message))
	}
	return f.print(output.View{Object: result, Names: result.Successful, Human: func(*output.Printer) error {
		for _, id := range result.Successful {
			text := word + " " + id
			if status, ok := ended[id]; ok {
				text = fmt.Sprintf("%s is %s already", id, status)
			}
			if err := f.printf("%s\n", text); err != nil {
				return err
			}
		}
		return nil
	}})
}

// noteRunning tells of jobs that cancelling left alone.
func (f *frame) noteRunning(ctx context.Context, ids []string) error {
	if len(ids) > maxDescribed {
		return nil
	}
	found, err := f.lookUp(ctx, ids)
	if err != nil {
		return err
	}
	var running []string
	for _, id := range ids {
		if job, ok := found[id]; ok && (statusOf(&job) == batch.StatusStarting || statusOf(&job) == batch.StatusRunning) {
			running = append(running, id)
			f.notef("%s is %s and goes on: muster terminate %s\n", id, statusOf(&job), id)
		}
	}
	if len(running) > 0 {
		return &ExitError{Code: ExitFailed}
	}
	return nil
}

// awaitAll waits until jobs have ended.
func (f *frame) awaitAll(ctx context.Context, ids []string) error {
	p := f.newProgress()
	defer p.clear()
	for left := slices.Clone(ids); ; {
		found, err := f.lookUp(ctx, left)
		if err != nil && !isPassing(err) {
			return err
		}
		if err == nil {
			left = slices.DeleteFunc(left, func(id string) bool {
				job, ok := found[id]
				return !ok || statusOf(&job).IsTerminal()
			})
			if len(left) == 0 {
				return nil
			}
			p.show(fmt.Sprintf("Waiting for %d of %d", len(left), len(ids)), bar(len(ids)-len(left), len(ids)))
		}
		if err := sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}
