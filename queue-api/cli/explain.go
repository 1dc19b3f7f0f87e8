// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

func newExplain(f *frame) *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain JOB", Aliases: []string{"why"}, Args: cobra.ExactArgs(1), Short: "Tell why a job is in the state that it is in, and what to do about it",
		Long: `Tell why a job is in the state that it is in: the first thing that holds it up, with its code and its numbers, its place in the queue,
what the autoscaler said last, when it is thought to start, and what to do. docs/explain.md has every code.`,
		Example: `  muster explain JOB
  muster explain JOB -o jsonpath=code`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.explain(cmd.Context(), jobID(args[0])) },
	}
	f.completeArgs(cmd, f.jobsIn(batch.StatusRunnable, batch.StatusPending, batch.StatusStarting, batch.StatusFailed))
	return cmd
}

func (f *frame) explain(ctx context.Context, id string) error {
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	var e viewapi.Explanation
	err = c.Get(ctx, viewapi.PathExplanation(id), nil, &e)
	if client.IsUnknownOperation(err) {
		return fmt.Errorf("this server does not explain jobs; muster get %s shows its reason: %w", id, err)
	}
	if err != nil {
		return orNoJob(err, id)
	}
	return f.print(output.View{Object: &e, Names: []string{e.Code}, Human: func(p *output.Printer) error { return f.printExplanation(p, &e) }})
}

func (f *frame) printExplanation(p *output.Printer, e *viewapi.Explanation) error {
	s := newSheet(p)
	s.row("Job", e.JobID+" "+e.JobName)
	s.row("Queue", e.JobQueue)
	s.row("Status", e.Status)
	s.row("Code", e.Code)
	s.row("Why", e.Reason)
	s.row("Asks for", needsText(e.Needs))
	s.row("Position", positionText(e.Position))
	if a := e.Autoscaler; a != nil {
		s.row("Autoscaler", autoscalerText(a, f.now()))
	}
	s.row("Starts", estimateText(e.Estimate, f.now()))
	s.row("Next", e.Next)
	if err := s.print(); err != nil || len(e.Supplies) == 0 {
		return err
	}
	_, _ = io.WriteString(p.Out, "\n")
	t := p.NewTable(output.Column{Name: "WHERE"}, output.Column{Name: "NAME"}, output.Column{Name: "FREE", IsRight: true}, output.Column{Name: "OF", IsRight: true},
		output.Column{Name: "UNIT"}, output.Column{Name: "STATE", Style: output.OfStatus})
	rows := make([][]string, len(e.Supplies))
	for i, supply := range e.Supplies {
		rows[i] = []string{supply.Kind, supply.Name, amount(supply.Free), amount(supply.Total), supply.Unit, supply.State}
	}
	return t.Add(rows...)
}

func autoscalerText(a *viewapi.Autoscaler, now time.Time) string {
	text := joined(a.Reason, a.Message)
	if a.ComputeEnvironment != "" {
		text = a.ComputeEnvironment + ": " + text
	}
	if a.At != 0 {
		text += " (" + output.Since(now, &a.At) + " ago)"
	}
	return text
}

// amount is a number, or that there is no limit.
func amount(n *float64) string {
	if n == nil {
		return "no limit"
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}
