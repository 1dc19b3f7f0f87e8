// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/joblog"
)

func newLogs(f *frame) *cobra.Command {
	var o logOptions
	var previous bool
	var since string
	cmd := &cobra.Command{
		Use: "logs JOB", Args: cobra.ExactArgs(1), Short: "Print what a job wrote, while it runs and after its pod is gone",
		Long: `Print what a job wrote, while it runs and after its pod is gone. JOB:INDEX is a child of an array, JOB#INDEX a node of a multi-node
job; of an array or a multi-node job as a whole all are printed, each line with its index. Containers are told apart where there are
several. With -f it goes on until the job has ended.`,
		Example: `  muster logs JOB
  muster logs -f --timestamps JOB:7
  muster logs --previous --tail 100 JOB
  muster logs --attempt 1 --since 10m -c main JOB`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.since, err = sinceOf(since, f.now()); err != nil {
				return err
			}
			switch {
			case previous && o.attempt != 0:
				return usagef("--previous and --attempt say different things")
			case o.attempt < 0:
				return usagef("--attempt %d: must be 1 or more", o.attempt)
			case previous:
				o.attempt = -1
			}
			return f.logs(cmd.Context(), jobID(args[0]), o)
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.follow, "follow", "f", false, "Go on until the job has ended.")
	fs.IntVar(&o.attempt, "attempt", 0, "Attempt, from 1. Default the latest.")
	fs.BoolVar(&previous, "previous", false, "The attempt before the latest.")
	fs.StringVarP(&o.container, "container", "c", "", "Container, where the job has several. Default all.")
	fs.StringVar(&since, "since", "", "From a time on: as 10m ago, or 2006-01-02T15:04:05Z.")
	fs.IntVar(&o.tail, "tail", -1, "The last so many lines of each log. Default all.")
	fs.BoolVar(&o.timestamps, "timestamps", false, "Begin each line with its time.")
	f.completeArgs(cmd, f.jobsIn(batch.StatusRunning, batch.StatusFailed, batch.StatusSucceeded))
	return cmd
}

// sinceOf reads a time, or how long ago it was; nothing is no time.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usagef("--since %q: must be how long ago, as 10m or 36h, or a time as 2006-01-02T15:04:05Z", text)
	}
	return at, nil
}

// logs prints the logs of a job.
func (f *frame) logs(ctx context.Context, id string, o logOptions) error {
	printer, err := f.printer()
	if err != nil {
		return err
	}
	jobs, err := f.describe(ctx, id)
	if err != nil {
		return err
	}
	sink := &logSink{w: printer.Writer(), timestamps: o.timestamps}
	if o.follow {
		return f.followLogs(ctx, id, newFollower(f, sink, o))
	}
	return f.printLogs(ctx, &jobs[0], sink, o)
}

// followLogs prints until the job has ended. While the server is not reached it waits.
func (f *frame) followLogs(ctx context.Context, id string, l *follower) error {
	for {
		_, err := f.look(ctx, id, l)
		if err != nil && !isPassing(err) || err == nil && l.isDone() {
			return err
		}
		if err := sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}

// printLogs prints what is there, of one child or node after the other.
func (f *frame) printLogs(ctx context.Context, job *awsapi.JobDetail, sink *logSink, o logOptions) error {
	parts := partsOf(job, maxLogParts)
	if len(parts) == 1 && parts[0].id == value(job.JobId) {
		return f.printOne(ctx, job, "", sink, o)
	}
	for i := 0; i < len(parts); i += maxDescribed {
		chunk := parts[i:min(i+maxDescribed, len(parts))]
		ids := make([]string, len(chunk))
		for j := range chunk {
			ids[j] = chunk[j].id
		}
		found, err := f.lookUp(ctx, ids)
		if err != nil {
			return err
		}
		for _, p := range chunk {
			one, ok := found[p.id]
			if !ok {
				continue
			}
			if err := f.printOne(ctx, &one, p.label, sink, o); err != nil && !errors.Is(err, joblog.ErrNotStarted) {
				return err
			}
		}
	}
	return nil
}

// maxLogParts is how many children an array can have at most, and more.
const maxLogParts = 1 << 20

// printOne prints one job's logs as they are now.
func (f *frame) printOne(ctx context.Context, job *awsapi.JobDetail, label string, sink *logSink, o logOptions) error {
	streams, err := joblog.Streams(job, o.attempt, o.container)
	if errors.Is(err, joblog.ErrNotStarted) {
		return fmt.Errorf("job %s is %s and %w", value(job.JobId), statusOf(job), err)
	}
	if err != nil {
		return err
	}
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	l := &follower{f: f, sink: sink}
	s := &source{label: label}
	for _, stream := range streams {
		s.logs = append(s.logs, &openLog{Stream: stream, tail: joblog.NewTail(c, stream.Name, o.since, o.tail)})
	}
	if _, err := l.read(ctx, s); err != nil {
		return err
	}
	for _, log := range s.logs {
		if log.isGone {
			f.notef("Nothing is kept of %s\n", log.Name)
		}
	}
	return nil
}
