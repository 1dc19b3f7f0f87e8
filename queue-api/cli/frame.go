// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/muster-batch/muster/queue-api/cli/output"
	"github.com/muster-batch/muster/queue-api/client"
)

// Config is what the program is run with; zero values mean the process's own.
type Config struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	// IsPlugin says that the program was called as kubectl's plugin.
	IsPlugin bool
	// Commands are added to those of this package.
	Commands []*cobra.Command
}

// frame is what every command acts through.
type frame struct {
	Config
	globals

	asked   *client.Client // once connect made it
	line    *progress      // what is told beside it goes above
	started bool           // a command has begun: what goes wrong now is no matter of usage
}

// connect gives the client of the server that flags and environment name.
func (f *frame) connect(ctx context.Context) (*client.Client, error) {
	if f.asked != nil {
		return f.asked, nil
	}
	cfg, err := f.sources().Resolve(ctx, f.clientConfig())
	if err != nil {
		return nil, err
	}
	f.asked, err = client.New(cfg)
	return f.asked, err
}

// clientConfig is what flags say of the client.
func (f *frame) clientConfig() client.Config {
	return client.Config{
		UserAgent: "muster/" + Version(), AuthorityFile: f.authorityFile, InsecureSkipVerify: f.insecure, AllowPlaintext: f.plaintext,
	}
}

// printer prints in the format that -o asks for.
func (f *frame) printer() (*output.Printer, error) {
	format, err := output.ParseFormat(f.format)
	if err != nil {
		return nil, &ExitError{Code: ExitUsage, Err: err}
	}
	columns, isTerminal := terminal(f.Out)
	return &output.Printer{
		Out: f.Out, Format: format, IsTerminal: isTerminal, Columns: columns, NoHeaders: f.noHeaders,
		Colors: isTerminal && f.hasColors(),
	}, nil
}

// isDumb reports whether the terminal shows characters and knows no sequence, as those of editors and build servers.
func (f *frame) isDumb() bool { return f.Getenv("TERM") == "dumb" }

// hasColors reports whether a terminal, if there is one, may be sent colours. NO_COLOR counts when it is not empty: see no-color.org.
func (f *frame) hasColors() bool { return f.Getenv("NO_COLOR") == "" && !f.isDumb() }

// print prints an answer in that format.
func (f *frame) print(v output.View) error {
	p, err := f.printer()
	if err != nil {
		return err
	}
	return p.Print(v)
}

// printf prints a line for people; arguments are cleaned.
func (f *frame) printf(format string, args ...any) error {
	_, err := io.WriteString(f.Out, cleanf(format, args...))
	return err
}

// notef tells people something beside the answer.
func (f *frame) notef(format string, args ...any) {
	if f.line != nil {
		f.line.clear()
	}
	_, _ = io.WriteString(f.Err, cleanf(format, args...))
}

func cleanf(format string, args ...any) string {
	return output.CleanLines(fmt.Sprintf(format, args...))
}

// now is the time by this machine's clock.
func (*frame) now() time.Time { return time.Now() }

// terminal tells how wide the terminal is that w writes to, if it is one.
func terminal(w any) (columns int, ok bool) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0, false
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		columns = 0
	}
	return columns, true
}

// sleep waits, and tells whether ctx let it.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
