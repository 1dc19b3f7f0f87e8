// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

func newSimulate(f *frame) *cobra.Command {
	var s submission
	cmd := &cobra.Command{
		Use: "simulate [flags] [-- COMMAND [ARG...]]", Short: "Tell what would become of a job: would it fit, where, when, at what price",
		Long: `Tell what would become of a job if it were submitted now: would it fit, on which instance types, at what price, and when. Nothing is
submitted. It takes the flags of muster submit. It fails if the job would never fit.`,
		Example: `  muster simulate --queue high --definition hello --vcpus 64 --memory 256Gi
  muster simulate -f job.yaml -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := f.request(cmd.Context(), &s, cmd, args)
			if err != nil {
				return err
			}
			return f.simulate(cmd.Context(), in)
		},
	}
	s.addFlags(f, cmd)
	_ = cmd.Flags().MarkHidden("dry-run") // it is there
	return cmd
}

// printSimulation prints what would become of a job, and fails if it would never fit.
func (f *frame) printSimulation(s *viewapi.Simulation) error {
	err := f.print(output.View{Object: s, Names: fittingNames(s), Human: func(p *output.Printer) error {
		l := newSheet(p)
		l.row("Fits", yesNo(s.Fits))
		l.row("Why", joined(s.Code, s.Reason))
		l.row("Asks for", needsText(s.Needs))
		l.row("Position", positionText(s.Position))
		l.row("Starts", estimateText(s.Estimate, f.now()))
		l.row("Next", s.Next)
		if err := l.print(); err != nil {
			return err
		}
		return printFits(p, s.Environments)
	}})
	if err == nil && !s.Fits {
		return &ExitError{Code: ExitFailed}
	}
	return err
}

// fittingNames are the environments that the job fits into.
func fittingNames(s *viewapi.Simulation) (names []string) {
	for _, e := range s.Environments {
		if e.Fits {
			names = append(names, e.Name)
		}
	}
	return names
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// joined is a code and the sentence that goes with it.
func joined(code, reason string) string {
	switch {
	case code == "" || strings.HasPrefix(reason, code):
		return reason
	case reason == "":
		return code
	}
	return code + " - " + reason
}

func needsText(n *viewapi.Needs) string {
	if n == nil {
		return ""
	}
	parts := []string{number(n.VCPUs) + " vCPU", strconv.FormatInt(n.MemoryMiB, 10) + " MiB"}
	if n.GPUs > 0 {
		parts = append(parts, strconv.Itoa(n.GPUs)+" GPU")
	}
	for _, c := range n.Consumables {
		parts = append(parts, fmt.Sprintf("%d of %s", c.Quantity, c.Name))
	}
	text := strings.Join(parts, ", ")
	if n.Nodes > 0 {
		text += fmt.Sprintf(" on %d nodes", n.Nodes)
	}
	return text
}

// number is written as short as can be.
func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func positionText(p *viewapi.Position) string {
	if p == nil {
		return ""
	}
	text := fmt.Sprintf("%d of %d, %d ahead", p.Ahead+1, p.Of, p.Ahead)
	if p.Share != "" {
		text += ", share " + p.Share
	}
	if p.JobsAhead > p.Ahead {
		text += fmt.Sprintf("; %d jobs and children go first", p.JobsAhead)
	}
	if len(p.AheadByShare) > 0 {
		var parts []string
		for _, s := range p.AheadByShare {
			parts = append(parts, fmt.Sprintf("%s %d", s.Share, s.Jobs))
		}
		text += " (ahead by share: " + strings.Join(parts, ", ") + ")"
	}
	return text
}

func estimateText(e *viewapi.Estimate, now time.Time) string {
	switch {
	case e == nil:
		return ""
	case e.StartsAt == nil:
		return "unknown: " + e.UnknownBecause
	}
	at := time.UnixMilli(*e.StartsAt)
	text := "now"
	if wait := at.Sub(now); wait > 0 {
		text = "in about " + output.Age(wait) + ", " + at.Format(time.RFC3339)
	}
	if e.Because != "" {
		text += " (" + e.Because + ")"
	}
	return text
}

// printFits prints what each environment has for the job.
func printFits(p *output.Printer, environments []viewapi.SimulatedEnvironment) error {
	if len(environments) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(p.Out); err != nil {
		return err
	}
	t := p.NewTable(output.Column{Name: "ENVIRONMENT"}, output.Column{Name: "FITS"}, output.Column{Name: "INSTANCE TYPE"},
		output.Column{Name: "VCPUS", IsRight: true}, output.Column{Name: "MIB", IsRight: true}, output.Column{Name: "GPUS", IsRight: true},
		output.Column{Name: "$/H", IsRight: true}, output.Column{Name: "WHY NOT", IsElastic: true})
	var rows [][]string
	for _, e := range environments {
		if len(e.InstanceTypes) == 0 {
			rows = append(rows, []string{e.Name, yesNo(e.Fits), output.None, "", "", "", "", joined(e.State, e.Reason)})
		}
		for _, it := range e.InstanceTypes {
			name := it.Name
			if it.CapacityType != "" {
				name += " " + it.CapacityType
			}
			rows = append(rows, []string{
				e.Name, yesNo(e.Fits), name, number(it.VCPUs), strconv.FormatInt(it.MemoryMiB, 10), strconv.Itoa(it.GPUs), price(it.PricePerHour), joined(e.State, e.Reason),
			})
		}
		for _, x := range e.Excluded {
			rows = append(rows, []string{e.Name, yesNo(false), excludedText(&x), "", "", "", "", x.Reason})
		}
	}
	return t.Add(rows...)
}

// excludedText is what is excluded: an instance type, or some nodes.
func excludedText(x *viewapi.Exclusion) string {
	if x.Nodes == 0 {
		return x.InstanceType
	}
	return strings.TrimSpace(fmt.Sprintf("%s (%d nodes)", x.InstanceType, x.Nodes))
}

// price is in dollars an hour.
func price(p *float64) string {
	if p == nil {
		return output.None
	}
	return strconv.FormatFloat(*p, 'f', 4, 64)
}
