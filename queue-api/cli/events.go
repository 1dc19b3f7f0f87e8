// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/manifest"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// eventOptions are the flags of muster events.
type eventOptions struct {
	follow   bool
	all      bool
	queues   []string
	statuses []string
	job      string
	name     string
}

func newEvents(f *frame) *cobra.Command {
	var o eventOptions
	cmd := &cobra.Command{
		Use: "events", Args: cobra.NoArgs, Short: "Print what becomes of jobs, as it happens or as it is still known",
		Long: `Print changes of jobs' statuses, and jobs that block their queue, in the form of Amazon EventBridge with -o json: one to a line.
Without -f, what the server still knows of the past; with -f, what happens from now on. A stream that breaks off is taken up where it ended.`,
		Example: `  muster events -f --queue research
  muster events -f --status FAILED -o json | jq -r .detail.statusReason`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.events(cmd.Context(), &o) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.follow, "follow", "f", false, "Go on with what happens from now on.")
	fs.BoolVar(&o.all, "all", false, "With -f: begin with what is still known of the past.")
	fs.StringArrayVar(&o.queues, "queue", nil, "Of this queue alone. May be given more than once.")
	fs.StringArrayVar(&o.statuses, "status", nil, "Changes to this status alone. May be given more than once.")
	fs.StringVar(&o.job, "job", "", "Of this job and its children alone.")
	fs.StringVar(&o.name, "name", "", "Of jobs with this name alone; * stands for anything.")
	_ = cmd.RegisterFlagCompletionFunc("queue", f.completeNames(manifest.JobQueue)) // only fails for no such flag
	f.completeFlag(cmd, "status", fixed(statusNames()...))
	f.completeFlag(cmd, "job", f.jobsIn(batch.JobStatuses[:]...))
	return cmd
}

// jobEvent is an event as the server tells it.
type jobEvent struct {
	DetailType string           `json:"detail-type"`
	Time       time.Time        `json:"time"`
	Resources  []string         `json:"resources"`
	Detail     awsapi.JobDetail `json:"detail"`

	raw json.RawMessage
}

// fromTheBeginning is the id of an event before all others.
const fromTheBeginning = "e30" // {} in base64: no cursor of any queue

func (f *frame) events(ctx context.Context, o *eventOptions) error {
	if _, err := path.Match(o.name, ""); err != nil {
		return usagef("--name %.128q: %w", o.name, err)
	}
	for i, s := range o.statuses {
		status, err := statusNamed(s)
		if err != nil {
			return err
		}
		o.statuses[i] = string(status)
	}
	p, err := f.printer()
	if err != nil {
		return err
	}
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	query := url.Values{}
	for _, q := range o.queues {
		query.Add("jobQueue", q)
	}
	if o.job != "" {
		query.Set("jobId", nameOf(o.job))
	}
	show := eventPrinter(p)
	s := &eventReader{client: c, query: query, endsWhenCaughtUp: !o.follow, note: f.notef}
	if o.all || !o.follow {
		s.last = fromTheBeginning
	}
	return s.run(ctx, func(e *jobEvent) error {
		if !o.wants(e) {
			return nil
		}
		return show(e)
	})
}

func (o *eventOptions) wants(e *jobEvent) bool {
	if len(o.statuses) > 0 && !slices.Contains(o.statuses, deref(e.Detail.Status)) {
		return false
	}
	if o.name == "" {
		return true
	}
	matches, err := path.Match(o.name, deref(e.Detail.JobName))
	return err == nil && matches
}

// eventPrinter gives what prints one event after the other.
func eventPrinter(p *output.Printer) func(*jobEvent) error {
	switch p.Format.Kind {
	case output.TableKind, output.Wide:
		return eventTable(p)
	case output.JSON:
		return func(e *jobEvent) error {
			_, err := p.Writer().Write(append(slices.Clone(e.raw), '\n'))
			return err
		}
	case output.YAML:
		return func(e *jobEvent) error {
			if _, err := io.WriteString(p.Out, "---\n"); err != nil {
				return err
			}
			return p.Print(output.View{Object: e.raw})
		}
	case output.Name, output.JSONPath, output.GoTemplate:
	}
	return func(e *jobEvent) error {
		return p.Print(output.View{Object: e.raw, Names: []string{deref(e.Detail.JobId)}})
	}
}

func eventTable(p *output.Printer) func(*jobEvent) error {
	table := p.NewTable(
		output.Column{Name: "TIME"},
		output.Column{Name: "QUEUE"},
		output.Column{Name: "JOB"},
		output.Column{Name: "NAME"},
		output.Column{Name: "STATUS", Style: output.OfStatus},
		output.Column{Name: "EVENT", IsWide: true},
		output.Column{Name: "REASON", IsElastic: true},
	)
	return func(e *jobEvent) error {
		return table.Add([]string{
			e.Time.Local().Format(time.RFC3339), nameOf(deref(e.Detail.JobQueue)), deref(e.Detail.JobId), dash(deref(e.Detail.JobName)),
			deref(e.Detail.Status), e.DetailType, deref(e.Detail.StatusReason),
		})
	}
}

// eventReader reads a stream and takes it up again where it broke off.
type eventReader struct {
	client *client.Client
	query  url.Values
	last   string // id of the last event that was seen
	note   func(format string, args ...any)
	begun  bool // there was a stream
	// endsWhenCaughtUp says that what happens from now on is not waited for.
	endsWhenCaughtUp bool
}

// Between two tries lies a second, then more.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// errCaughtUp ends a stream at what happens from now on.
var errCaughtUp = errors.New("caught up")

func (s *eventReader) run(ctx context.Context, show func(*jobEvent) error) error {
	wait := firstRetry
	for {
		seen := s.last
		err := s.read(ctx, show)
		switch {
		case errors.Is(err, errCaughtUp):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !s.begun || !isBroken(err):
			return err
		}
		if s.last != seen {
			wait = firstRetry
		}
		s.note("The stream of events broke off, trying again in %s\n", wait)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, lastRetry)
	}
}

// brokenError is a stream that ended without anybody wanting that.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return "event stream: " + e.err.Error() }

func (e *brokenError) Unwrap() error { return e.err }

// isBroken reports whether trying again may help.
func isBroken(err error) bool {
	if _, ok := errors.AsType[*client.Error](err); ok {
		return !client.IsRefused(err) && !client.IsDenied(err)
	}
	_, ok := errors.AsType[*brokenError](err)
	return ok || errors.Is(err, client.ErrUnreachable)
}

// maxLine bounds a line of the stream: an event shows a job whole.
const maxLine = 4 << 20

// read opens the stream and reads it to its end.
func (s *eventReader) read(ctx context.Context, show func(*jobEvent) error) error {
	body, err := s.client.Stream(ctx, viewapi.PathEvents, s.query, s.last)
	if err != nil {
		return err
	}
	defer body.Close()
	s.begun = true
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	id := ""
	for lines.Scan() {
		line := lines.Text()
		field, text, _ := strings.Cut(line, ":")
		text = strings.TrimPrefix(text, " ")
		switch field {
		case "":
			if s.endsWhenCaughtUp && text == viewapi.EventsCaughtUp {
				return errCaughtUp
			}
		case "id":
			id = text
		case "data":
			e := jobEvent{raw: json.RawMessage(text)}
			if err := json.Unmarshal(e.raw, &e); err != nil {
				return &brokenError{fmt.Errorf("what came is no event: %w", err)}
			}
			if err := show(&e); err != nil {
				return err
			}
			s.last = id
		}
	}
	err = lines.Err()
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return &brokenError{err}
}
