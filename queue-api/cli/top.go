// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/muster-batch/muster/queue-api/cli/manifest"
	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/cli/top"
	"github.com/muster-batch/muster/queue-api/client"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// topOptions are the flags of muster top.
type topOptions struct {
	interval    time.Duration
	environment string
	once        bool
}

// leastInterval lies at least between two refreshes.
const leastInterval = 500 * time.Millisecond

func newTop(f *frame) *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{
		Use: "top", Args: cobra.NoArgs, Short: "Watch queues and nodes live: what waits, what runs, how full nodes are and what they cost",
		Long: `Watch queues and nodes live: how many jobs are in each status, what waits in each queue and for how long, how full each node is and what
it costs. Off a terminal it prints what there is once.

Keys: q quits; tab goes to the other table; the arrows, page up and down, home and end move in it; s sorts it by something else, r the
other way round; space holds what is shown.`,
		Example: "  muster top\n  muster top --ce pool --interval 5s",
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.top(cmd.Context(), &o) },
	}
	fs := cmd.Flags()
	fs.DurationVar(&o.interval, "interval", time.Second, "How often it is refreshed.")
	fs.StringVar(&o.environment, "ce", "", "Nodes of this compute environment alone.")
	fs.BoolVar(&o.once, "once", false, "Print what there is once, on a terminal too.")
	_ = cmd.RegisterFlagCompletionFunc("ce", f.completeNames(manifest.ComputeEnvironment)) // only fails for no such flag
	return cmd
}

func (f *frame) top(ctx context.Context, o *topOptions) error {
	if o.interval < leastInterval {
		return usagef("--interval must be at least %s", leastInterval)
	}
	c, err := f.connect(ctx)
	if err != nil {
		return err
	}
	p, err := f.printer()
	if err != nil {
		return err
	}
	in, ok := f.In.(*os.File)
	if !o.once && ok && p.IsTerminal && !f.isDumb() && p.Format.IsForPeople() && term.IsTerminal(int(in.Fd())) {
		return f.watchTop(ctx, c, o, in)
	}
	state := top.State{Endpoint: c.Endpoint()}
	if err := f.survey(ctx, c, o.environment, &state); err != nil {
		return err
	}
	object := map[string]any{"summary": state.Summary, "nodes": state.Nodes}
	return p.Print(output.View{Object: object, Human: func(p *output.Printer) error {
		columns := p.Columns
		if columns == 0 {
			columns = 120
		}
		lines := top.Frame(&state, &top.Choice{}, top.Canvas{Columns: columns, Colors: p.Colors, IsASCII: f.isASCII()})
		_, err := io.WriteString(p.Out, strings.Join(lines, "\n")+"\n")
		return err
	}})
}

// isASCII reports whether the terminal may not have more characters than ASCII has.
func (f *frame) isASCII() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := f.Getenv(name); locale != "" {
			locale = strings.ToUpper(locale)
			return !strings.Contains(locale, "UTF-8") && !strings.Contains(locale, "UTF8")
		}
	}
	return false
}

// survey asks for all that is shown. What the server does not have, or not for this caller, is left empty; queues are then known by
// name.
func (f *frame) survey(ctx context.Context, c *client.Client, environment string, s *top.State) error {
	var summary viewapi.Summary
	var nodes viewapi.Nodes
	asking, ctx := errgroup.WithContext(ctx)
	asking.Go(func() error {
		got, err := summaryOf(ctx, c)
		if err != nil {
			return err
		}
		summary = *got
		if summary.At == 0 {
			return queuesByName(ctx, c, &summary)
		}
		return nil
	})
	asking.Go(func() error {
		got, err := nodesOf(ctx, c, environment)
		if client.IsUnknownOperation(err) || client.IsDenied(err) {
			return nil
		}
		nodes = *got
		return err
	})
	if err := asking.Wait(); err != nil {
		return err
	}
	s.Summary, s.Nodes, s.At, s.Trouble = summary, nodes, f.now(), ""
	return nil
}

// queuesByName fills a summary with what AWS Batch tells of queues.
func queuesByName(ctx context.Context, c *client.Client, s *viewapi.Summary) error {
	queues, err := manifest.JobQueue.List(ctx, c)
	for _, q := range queues {
		s.Queues = append(s.Queues, viewapi.QueueSummary{
			JobQueue: at(q, "jobQueueName"), State: at(q, "state"), Status: at(q, "status"), Paused: stateOf(q) == "PAUSED",
		})
	}
	return err
}

// What a terminal is told: to show another screen without a cursor, to go back, to begin at its upper left corner, and to empty a
// line. That comes before the line's text: behind a line that is as wide as the terminal it takes the last character away.
const (
	screenOn  = "\x1b[?1049h\x1b[?25l"
	screenOff = "\x1b[?25h\x1b[?1049l"
	corner    = "\x1b[H"
	emptyLine = "\x1b[K"
)

// live is a view of muster top that goes on.
type live struct {
	f      *frame
	client *client.Client
	o      *topOptions

	mu     sync.Mutex // guards what follows
	state  top.State
	choice top.Choice
}

// watchTop shows the view until a key ends it.
func (f *frame) watchTop(ctx context.Context, c *client.Client, o *topOptions, in *os.File) error {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return err
	}
	defer func() { _ = term.Restore(int(in.Fd()), before) }()
	if _, err := io.WriteString(f.Out, screenOn); err != nil {
		return err
	}
	defer func() { _, _ = io.WriteString(f.Out, screenOff) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &live{f: f, client: c, o: o, state: top.State{Endpoint: c.Endpoint()}}
	keys := make(chan []top.Key)
	go readKeys(ctx, in, keys) // ends with the program: a terminal's read cannot be broken off
	refreshed := make(chan struct{}, 1)
	var refreshing sync.WaitGroup
	defer refreshing.Wait()
	defer cancel()
	refreshing.Go(func() { l.refresh(ctx, refreshed) })
	return l.show(ctx, keys, refreshed)
}

// show draws after each key and refresh, when the terminal has another size, and once a second.
func (l *live) show(ctx context.Context, keys <-chan []top.Key, refreshed <-chan struct{}) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	resized, ignore := notifyResized()
	defer ignore()
	for {
		if err := l.draw(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-resized:
		case <-refreshed:
		case pressed, ok := <-keys:
			if !ok || !l.press(pressed) {
				return nil
			}
		}
	}
}

func (l *live) press(keys []top.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		if !l.choice.Press(k) {
			return false
		}
	}
	return true
}

func (l *live) draw() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	columns, rows := 80, 24
	if file, ok := l.f.Out.(*os.File); ok {
		if w, h, err := term.GetSize(int(file.Fd())); err == nil && w > 0 && h > 0 {
			columns, rows = w, h
		}
	}
	l.state.Now = l.f.now()
	lines := top.Frame(&l.state, &l.choice, top.Canvas{Columns: columns, Lines: max(rows, 1), Colors: l.f.hasColors(), IsASCII: l.f.isASCII()})
	_, err := io.WriteString(l.f.Out, corner+emptyLine+strings.Join(lines, "\r\n"+emptyLine))
	return err
}

// refresh asks again and again. What fails is shown, and tried again.
func (l *live) refresh(ctx context.Context, refreshed chan<- struct{}) {
	for ctx.Err() == nil {
		l.mu.Lock()
		state, isHeld := l.state, l.choice.IsHeld
		l.mu.Unlock()
		if !isHeld {
			err := l.f.survey(ctx, l.client, l.o.environment, &state)
			l.mu.Lock()
			if err != nil {
				l.state.Trouble = err.Error()
			} else {
				l.state = state
			}
			l.mu.Unlock()
			select {
			case refreshed <- struct{}{}:
			default:
			}
		}
		_ = sleep(ctx, l.o.interval) // ends with ctx, which is looked at next
	}
}

// readKeys reads what is typed until nothing more comes.
func readKeys(ctx context.Context, in io.Reader, keys chan<- []top.Key) {
	defer close(keys)
	buf := make([]byte, 64)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			select {
			case keys <- top.Keys(string(buf[:n])):
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}
