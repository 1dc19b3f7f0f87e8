// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Board is where steps are shown. Several may run at once.
type Board struct {
	out      io.Writer
	terminal bool
	// width is the terminal's: a line that wraps could not be redrawn.
	width int

	// mu guards what follows.
	mu      sync.Mutex
	running []*Step
	drawn   int // how many lines of running steps stand below the finished ones
}

// Step is one thing being done.
type Step struct {
	board   *Board
	name    string
	started time.Time
	note    string
	told    time.Time // when a plain line last said that it still runs
}

const (
	redrawEvery = 100 * time.Millisecond
	// tellEvery is how often a step that takes long is told of where lines cannot be redrawn.
	tellEvery = 15 * time.Second
)

// New makes a board that writes to out.
func New(out *os.File) *Board {
	width, terminal := terminalWidth(out)
	return &Board{out: out, terminal: terminal, width: width}
}

// Run redraws the board until ended is called. Steps may begin before and after.
func (b *Board) Run() (ended func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(redrawEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				b.tick(time.Now())
			case <-stop:
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// Do runs fn as a step.
func (b *Board) Do(name string, fn func(*Step) error) error {
	step := &Step{board: b, name: name, started: time.Now(), told: time.Now()}
	b.mu.Lock()
	b.running = append(b.running, step)
	b.draw()
	b.mu.Unlock()

	err := fn(step)

	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = slices.DeleteFunc(b.running, func(s *Step) bool { return s == step })
	mark := "ok"
	switch {
	case errors.Is(err, context.Canceled): // Another step failed, or the user gave up.
		mark = "ended"
	case err != nil:
		mark = "FAILED"
	}
	b.erase()
	fmt.Fprintln(b.out, step.line(mark, time.Now()))
	b.draw()
	return err
}

// Say writes a line that is no step.
func (b *Board) Say(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.erase()
	fmt.Fprintf(b.out, format+"\n", args...)
	b.draw()
}

// Note says what the step is at; the last note stays on its line.
func (s *Step) Note(format string, args ...any) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	s.note = fmt.Sprintf(format, args...)
}

func (s *Step) line(mark string, now time.Time) string {
	line := fmt.Sprintf("  %-6s %-28s %7.2fs  %s", mark, s.name, now.Sub(s.started).Seconds(), s.note)
	return strings.TrimRight(line, " ")
}

// tick redraws the running steps, or tells of those that take long.
func (b *Board) tick(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.terminal {
		b.erase()
		b.draw()
		return
	}
	for _, step := range b.running {
		if now.Sub(step.told) >= tellEvery {
			step.told = now
			fmt.Fprintln(b.out, step.line("...", now))
		}
	}
}

// erase removes the lines of running steps from the terminal. The caller holds mu.
func (b *Board) erase() {
	if b.drawn > 0 {
		fmt.Fprintf(b.out, "\x1b[%dA\x1b[J", b.drawn)
		b.drawn = 0
	}
}

// draw writes the lines of running steps to the terminal. The caller holds mu.
func (b *Board) draw() {
	if !b.terminal {
		return
	}
	b.erase()
	now := time.Now()
	for _, step := range b.running {
		fmt.Fprintln(b.out, cut(step.line("...", now), b.width))
	}
	b.drawn = len(b.running)
}

// cut shortens a line to width columns.
func cut(line string, width int) string {
	runes := []rune(line)
	if width > 0 && len(runes) >= width {
		return string(runes[:width-1])
	}
	return line
}

// terminalWidth asks the kernel for the width of the terminal that out is, if it is one.
func terminalWidth(out *os.File) (width int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
