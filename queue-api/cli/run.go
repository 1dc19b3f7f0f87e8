// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
)

// runOptions are what run has beside a submission.
type runOptions struct {
	wait, follow      bool
	within            time.Duration
	cancelOnInterrupt bool
}

func newRun(f *frame) *cobra.Command {
	var s submission
	var o runOptions
	cmd := &cobra.Command{
		Use: "run [flags] [-- COMMAND [ARG...]]", Short: "Submit a job, wait for it, and end with its exit code",
		Long: `Submit a job, wait until it has ended, and end with its exit code. With --follow standard output is what the job writes; what
becomes of the job is told on standard error.

Whoever interrupts it is asked whether the job should be terminated, if there is a terminal; the job goes on otherwise, and can be
waited for by muster logs -f. With --cancel-on-interrupt it is terminated without a question.`,
		Example: `  muster run --queue high --definition hello --wait --follow
  muster run -q high -d hello --follow --cancel-on-interrupt -- ./work.sh --fast
  muster run -f job.yaml --wait-timeout 2h -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.submit(cmd, &s, args, func(out *awsapi.SubmitJobResponse) error {
				return f.run(cmd.Context(), value(out.JobId), o)
			})
		},
	}
	s.addFlags(f, cmd)
	fs := cmd.Flags()
	fs.BoolVar(&o.wait, "wait", true, "Wait until the job has ended.")
	fs.BoolVar(&o.follow, "follow", false, "Print what the job writes, of an array or a multi-node job what all of it writes.")
	fs.DurationVar(&o.within, "wait-timeout", 0, "Give up waiting after so long, with exit code 124. The job goes on. Default never.")
	fs.BoolVar(&o.cancelOnInterrupt, "cancel-on-interrupt", false, "Terminate the job if this program is interrupted.")
	return cmd
}

// run waits for a job that was submitted.
func (f *frame) run(ctx context.Context, id string, o runOptions) error {
	if !o.wait && !o.follow {
		return f.printf("%s\n", id)
	}
	f.notef("Submitted %s\n", id)
	within := ctx
	if o.within > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, o.within)
		defer cancel()
	}
	job, err := f.awaitJob(within, id, o.follow)
	switch {
	case err == nil:
		return f.ended(ctx, job)
	case ctx.Err() != nil:
		return f.interrupted(ctx, id, o.cancelOnInterrupt)
	case errors.Is(err, context.DeadlineExceeded):
		return &ExitError{Code: ExitTimeout, Err: fmt.Errorf("job %s has not ended within %s; it goes on", id, o.within)}
	}
	return err
}

// ended prints how a job ended, in the format that was asked for.
func (f *frame) ended(ctx context.Context, job *awsapi.JobDetail) error {
	if f.format != "" {
		if err := f.print(output.View{Object: job, Names: []string{value(job.JobId)}, Human: func(p *output.Printer) error { return f.printJob(ctx, p, job) }}); err != nil {
			return err
		}
	}
	return exitOf(job)
}

// terminateWithin bounds how long it takes to terminate a job while being interrupted.
const terminateWithin = 30 * time.Second

// interrupted asks what is to become of the job, terminates it if it should, and ends the program. A second interrupt ends it at once.
func (f *frame) interrupted(ctx context.Context, id string, isTold bool) error {
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !isTold && !f.confirm(ctx, "Terminate job "+id+"?") {
		f.notef("Job %s goes on: muster logs -f %s\n", id, id)
		return &ExitError{Code: ExitInterrupted}
	}
	ctx, cancel := context.WithTimeout(ctx, terminateWithin)
	defer cancel()
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	in := &awsapi.TerminateJobRequest{JobId: &id, Reason: new("Interrupted by the user of muster run")}
	if err := c.Call(ctx, "TerminateJob", in, nil); err != nil {
		return fmt.Errorf("job %s may go on: %w", id, err)
	}
	f.notef("Terminated job %s\n", id)
	return &ExitError{Code: ExitInterrupted}
}

// confirm asks a question at the terminal. Without one, or without an answer, it is no.
func (f *frame) confirm(ctx context.Context, question string) bool {
	in, ok := f.In.(*os.File)
	if _, isTerminal := terminal(f.Err); !ok || !isTerminal || !term.IsTerminal(int(in.Fd())) {
		return false
	}
	f.notef("\n%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // ends with the program at the latest
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- line
	}()
	select {
	case <-ctx.Done():
		f.notef("\n")
		return false
	case line := <-answer:
		if !strings.HasSuffix(line, "\n") {
			f.notef("\n")
		}
		return strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y")
	}
}

// How often a job is looked at: more often at first.
const (
	lookAgain     = 500 * time.Millisecond
	lookAgainLate = 2 * time.Second
	lookOften     = time.Minute
)

// awaitJob waits until a job has ended, and prints what it writes if follow says so. While the server is not reached it waits, too.
func (f *frame) awaitJob(ctx context.Context, id string, follow bool) (*awsapi.JobDetail, error) {
	p := f.newProgress()
	defer p.clear()
	var log *follower
	if follow {
		printer, err := f.printer()
		if err != nil {
			return nil, err
		}
		log = newFollower(f, &logSink{w: printer.Writer(), before: p.clear}, logOptions{follow: true, tail: -1})
	}
	for begun := f.now(); ; {
		job, err := f.look(ctx, id, log)
		switch {
		case err == nil && statusOf(job).IsTerminal() && (log == nil || log.isDone()):
			p.clear()
			f.notef("%s %s\n", id, ending(job))
			return job, nil
		case err == nil && !statusOf(job).IsTerminal():
			p.showJob(job, f.now())
		case err == nil:
			p.show("Waiting for the rest of what it wrote", "")
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !isPassing(err):
			return nil, err
		default:
			p.show("Waiting for the server: "+err.Error(), "")
		}
		pause := lookAgain
		if f.now().Sub(begun) > lookOften && log == nil {
			pause = lookAgainLate
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// look looks at a job once, and prints what it has written since.
func (f *frame) look(ctx context.Context, id string, log *follower) (*awsapi.JobDetail, error) {
	jobs, err := f.describe(ctx, id)
	if err != nil {
		return nil, err
	}
	if log == nil {
		return &jobs[0], nil
	}
	log.begin(&jobs[0])
	return &jobs[0], log.step(ctx)
}

// isPassing reports whether an error may be gone when it is tried again: the server is restarted, or busy.
func isPassing(err error) bool { return codeOf(err) == ExitUnreachable && !client.IsDenied(err) }
