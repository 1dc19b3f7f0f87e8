// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/cli/termtest"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// These tests play what only happens on a terminal: the program runs on one, and its user types and looks.

// command is the program against a world, at a terminal that has colours unless env says otherwise.
func (w *world) command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("muster", args...)
	home := t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "MUSTER_ENDPOINT_URL=" + w.url, "HOME=" + home, "XDG_CONFIG_HOME=" + home, "TERM=xterm", "LANG=C.UTF-8", "TZ=UTC"}, env...)
	return cmd
}

// submit submits a job to q and gives its id.
func (w *world) submit(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := play(t.Context(), w.url, append([]string{"submit", "-q", "q", "-d", "d", "-o", "name"}, args...)...)
	if code != ExitOK {
		t.Fatal(stderr)
	}
	return strings.TrimSpace(stdout)
}

// move is advance for tests in Go.
func (w *world) move(t *testing.T, id string, to batch.JobStatus, end outcome) {
	t.Helper()
	if err := w.advance(t.Context(), id, to, end); err != nil {
		t.Fatal(err)
	}
}

// submitted is the id of the job that a terminal's program tells it has submitted.
func submitted(t *testing.T, x *termtest.Terminal) (id string) {
	t.Helper()
	x.Await(t, "a job's id", func(s *termtest.Screen) bool {
		for _, line := range s.Lines() {
			if after, ok := strings.CutPrefix(line, "Submitted "); ok && len(after) == 36 {
				id = after
			}
		}
		return id != ""
	})
	return id
}

// tidy fails unless a terminal is as it was before, and was sent nothing that the screen does not know.
func tidy(t *testing.T, x *termtest.Terminal) {
	t.Helper()
	if !x.Echoes(t) {
		t.Error("the terminal is not as it was")
	}
	x.Look(func(s *termtest.Screen) {
		if s.IsAlternate() || !s.HasCursor() {
			t.Error("the screen is not as it was")
		}
		if unknown := s.Unknown(); len(unknown) > 0 {
			t.Errorf("the terminal was sent %s", unknown)
		}
	})
}

func TestTerminalRun(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	x := termtest.Start(t, w.command(t, nil, "run", "-q", "q", "-d", "d", "--follow"), 100, 12)
	id := submitted(t, x)
	x.AwaitText(t, id+" RUNNABLE")
	w.move(t, id, batch.StatusRunning, outcome{})
	x.AwaitText(t, id+" RUNNING")
	job, err := w.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	w.write(job, 0, "one", "two \x1b[31mred\x1b]0;title\a")
	x.AwaitText(t, "two ")
	x.AwaitText(t, id+" RUNNING") // the line goes on below
	w.move(t, id, batch.StatusFailed, outcome{exitCode: 7})
	if code := x.Exit(t); code != 7 {
		t.Errorf("exit code %d", code)
	}
	want := []string{"Submitted " + id, "one", `two \u001b[31mred\u001b]0;title\u0007`, id + " FAILED, exit code 7: Essential container in task exited", ""}
	x.Look(func(s *termtest.Screen) {
		if got := s.Lines()[:len(want)]; !slices.Equal(got, want) {
			t.Errorf("the screen is\n%s", s)
		}
	})
	tidy(t, x)
}

// The line that is written over stays one, however narrow the terminal becomes.
func TestTerminalProgressFits(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	x := termtest.Start(t, w.command(t, nil, "run", "-q", "q", "-d", "d", "--array-size", "4"), 90, 10)
	id := submitted(t, x)
	x.AwaitText(t, id+" [....................] 0/4  ")
	x.Resize(t, 48, 10)
	w.move(t, batch.ChildID(id, 0), batch.StatusSucceeded, outcome{})
	x.AwaitText(t, id+" [#####.…")
	w.move(t, batch.ChildID(id, 1), batch.StatusFailed, outcome{})
	x.AwaitText(t, id+" [######…")
	x.Resize(t, 70, 10)
	x.AwaitText(t, id+" [##########..........] 2/4")
	x.Type(t, termtest.Interrupt)
	x.AwaitText(t, "Terminate job")
	x.Type(t, termtest.Enter)
	if code := x.Exit(t); code != ExitInterrupted {
		t.Errorf("exit code %d", code)
	}
	x.Look(func(s *termtest.Screen) {
		if lines := s.Lines(); lines[0] != "Submitted "+id || lines[1] != "" || s.Has("#") {
			t.Errorf("the screen is\n%s", s)
		}
	})
	tidy(t, x)
}

func TestTerminalInterruptedRun(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer string
		flags  []string
		want   string
		isOver bool // the job is to end
	}{
		"yes":                          {"y" + termtest.Enter, nil, "Terminated job ", true},
		"no":                           {"n" + termtest.Enter, nil, "Job ", false},
		"nothing said":                 {termtest.Enter, nil, "Job ", false},
		"the end of what is typed":     {termtest.EndOfFile, nil, "Job ", false},
		"interrupted again":            {termtest.Interrupt, nil, "Job ", false},
		"it is not asked what is told": {"", []string{"--cancel-on-interrupt"}, "Terminated job ", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startWorld(t)
			x := termtest.Start(t, w.command(t, nil, append([]string{"run", "-q", "q", "-d", "d", "--follow"}, tc.flags...)...), 120, 12)
			id := submitted(t, x)
			w.move(t, id, batch.StatusRunning, outcome{})
			x.AwaitText(t, id+" RUNNING")
			x.Type(t, termtest.Interrupt)
			if tc.answer != "" {
				x.AwaitText(t, "Terminate job "+id+"? [y/N]")
				x.Type(t, tc.answer)
			}
			if code := x.Exit(t); code != ExitInterrupted {
				t.Errorf("exit code %d", code)
			}
			x.Await(t, "what becomes of it, in a line of its own", func(s *termtest.Screen) bool {
				return slices.ContainsFunc(s.Lines(), func(line string) bool { return strings.HasPrefix(line, tc.want) })
			})
			job, err := w.Job(t.Context(), id)
			if err != nil || (job.Stop != nil) != tc.isOver {
				t.Errorf("the job is asked to stop: %+v, want %t, %v", job.Stop, tc.isOver, err)
			}
			tidy(t, x)
		})
	}
}

// Whoever interrupts what only looks is not told of errors.
func TestTerminalInterruptedLooks(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	id := w.submit(t)
	w.move(t, id, batch.StatusRunning, outcome{})
	job, err := w.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	w.write(job, 0, "a line")
	other := w.submit(t)
	w.move(t, other, batch.StatusRunning, outcome{})
	for name, tc := range map[string]struct {
		args     []string
		seen     string
		wantCode int
	}{
		"logs":             {[]string{"logs", "-f", id}, "a line", ExitInterrupted},
		"events":           {[]string{"events", "-f", "--all"}, "RUNNING", ExitInterrupted},
		"jobs":             {[]string{"jobs", "--watch"}, "RUNNING", ExitOK},
		"the end of a job": {[]string{"terminate", other, "--wait"}, "Waiting for 1 of 1  [....................]", ExitInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := termtest.Start(t, w.command(t, nil, tc.args...), 160, 12)
			x.AwaitText(t, tc.seen)
			x.Type(t, termtest.Interrupt)
			if code := x.Exit(t); code != tc.wantCode {
				t.Errorf("exit code %d, want %d", code, tc.wantCode)
			}
			x.Look(func(s *termtest.Screen) {
				if s.Has("context canceled") || s.Has("Waiting for") {
					t.Errorf("the screen is\n%s", s)
				}
			})
			tidy(t, x)
		})
	}
}

// summary has a world answer what muster top shows.
func (w *world) summary(t *testing.T) {
	t.Helper()
	w.answer(viewapi.PathSummary, []byte(`{"at": 1, "queues": [
		{"jobQueue": "alpha", "state": "ENABLED", "status": "VALID", "counts": {"RUNNABLE": 3, "RUNNING": 1}, "oldestRunnableAgeSeconds": 125, "vcpusUsed": 2.5},
		{"jobQueue": "q\u001b[2J", "state": "ENABLED", "status": "VALID", "counts": {"RUNNABLE": 7}}], "totals": {"counts": {"RUNNABLE": 10}}}`))
	var nodes []string
	for i := range 30 {
		nodes = append(nodes, fmt.Sprintf(`{"name": "node-%02d", "ready": true, "allocatable": {"vcpus": 2}, "requested": {"vcpus": 1}, "pricePerHour": 0.085}`, i))
	}
	w.answer(viewapi.PathNodes, []byte(`{"nodes": [`+strings.Join(nodes, ",")+`], "clusters": []}`))
}

func TestTerminalTop(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.summary(t)
	x := termtest.Start(t, w.command(t, nil, "top"), 80, 24)
	x.Await(t, "the view", func(s *termtest.Screen) bool {
		return s.IsAlternate() && !s.HasCursor() && s.Has("alpha") && s.Has("node-00")
	})
	x.Look(func(s *termtest.Screen) {
		lines := s.Lines()
		if !strings.HasPrefix(lines[0], "muster top  http://127.0.0.1") || len(lines[0]) != 80 || !strings.HasPrefix(lines[23], "q quit  tab nodes") {
			t.Errorf("the screen is\n%s", s)
		}
		if s.Style("RUNNABLE") == "" || s.Style("muster top") != "1" {
			t.Error("it has no colours")
		}
	})
	x.Type(t, termtest.Tab+termtest.Down+termtest.Down)
	x.Await(t, "the nodes moved", func(s *termtest.Screen) bool { return !s.Has("node-01") && s.Has("node-02") && s.Has("tab queues") })
	x.Type(t, termtest.Up)
	x.AwaitText(t, "node-01")
	x.Type(t, termtest.PageDown)
	x.AwaitText(t, "node-11")
	x.Type(t, termtest.Tab+"s")
	x.Await(t, "the queues sorted", func(s *termtest.Screen) bool {
		text := s.String()
		return strings.Index(text, `q\u001b[2J`) < strings.Index(text, "alpha") && strings.Contains(text, "sort by running")
	})
	x.Type(t, " ")
	x.AwaitText(t, "held since")
	for _, size := range [][2]int{{132, 40}, {50, 12}, {15, 4}, {80, 24}} {
		x.Resize(t, size[0], size[1])
		x.Await(t, fmt.Sprint("the view in ", size), func(s *termtest.Screen) bool {
			lines := s.Lines()
			if size[0] < 20 {
				return lines[0] == "too small" && lines[1] == ""
			}
			return len([]rune(lines[0])) == size[0] && strings.HasPrefix(lines[size[1]-1], "q quit")
		})
	}
	x.Type(t, "q")
	if code := x.Exit(t); code != ExitOK {
		t.Errorf("exit code %d", code)
	}
	tidy(t, x)
	x.Look(func(s *termtest.Screen) {
		if s.String() != "" {
			t.Errorf("it left\n%s", s)
		}
	})
}

// However it ends, the terminal is as it was.
func TestTerminalTopEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *termtest.Terminal){
		"by a key":        func(t *testing.T, x *termtest.Terminal) { t.Helper(); x.Type(t, "Q") },
		"by Ctrl-C":       func(t *testing.T, x *termtest.Terminal) { t.Helper(); x.Type(t, termtest.Interrupt) },
		"by Ctrl-D":       func(t *testing.T, x *termtest.Terminal) { t.Helper(); x.Type(t, termtest.EndOfFile) },
		"by a signal":     func(t *testing.T, x *termtest.Terminal) { t.Helper(); x.Signal(t, syscall.SIGTERM) },
		"by an interrupt": func(t *testing.T, x *termtest.Terminal) { t.Helper(); x.Signal(t, os.Interrupt) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startWorld(t)
			x := termtest.Start(t, w.command(t, nil, "top"), 80, 24)
			x.Await(t, "the view", func(s *termtest.Screen) bool { return s.IsAlternate() && s.Has("empty") })
			end(t, x)
			if code := x.Exit(t); code != ExitOK {
				t.Errorf("exit code %d", code)
			}
			tidy(t, x)
		})
	}
}

// A server that goes away is told of, and the view goes on when it is back.
func TestTerminalTopInTrouble(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.summary(t)
	x := termtest.Start(t, w.command(t, nil, "top", "--interval", "500ms"), 80, 24)
	x.AwaitText(t, "alpha")
	w.answer(viewapi.PathSummary, []byte("no JSON \x1b[2J"))
	x.Await(t, "trouble", func(s *termtest.Screen) bool { return s.Has("not refreshed for") && s.Has("alpha") })
	w.summary(t)
	x.Await(t, "no trouble", func(s *termtest.Screen) bool { return !s.Has("not refreshed") && s.Has("alpha") })
	x.Type(t, "q")
	x.Exit(t)
	tidy(t, x)
}

// Terminals without colours, or with nothing but characters, get none.
func TestTerminalColours(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	id := w.submit(t, "--name", "seen")
	w.move(t, id, batch.StatusFailed, outcome{exitCode: 1})
	cases := map[string]struct {
		env       []string
		wantStyle string
	}{
		"a terminal":             {nil, "31"},
		"NO_COLOR":               {[]string{"NO_COLOR=1"}, ""},
		"an empty NO_COLOR":      {[]string{"NO_COLOR="}, "31"},
		"a terminal without any": {[]string{"TERM=dumb"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := termtest.Start(t, w.command(t, tc.env, "jobs", "-q", "q"), 120, 8)
			if code := x.Exit(t); code != ExitOK {
				t.Errorf("exit code %d", code)
			}
			x.Look(func(s *termtest.Screen) {
				if got := s.Style("FAILED"); got != tc.wantStyle || !s.Has(id) || s.IsPlain() != (tc.wantStyle == "") {
					t.Errorf("style %q, want %q, of\n%s", got, tc.wantStyle, s)
				}
			})
			tidy(t, x)
		})
	}
}

// A terminal that has nothing but characters is told nothing else.
func TestTerminalWithoutSequences(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.summary(t)
	dumb := []string{"TERM=dumb"}
	x := termtest.Start(t, w.command(t, dumb, "run", "-q", "q", "-d", "d"), 100, 12)
	id := submitted(t, x)
	w.move(t, id, batch.StatusRunning, outcome{})
	x.AwaitText(t, id+" RUNNING")
	w.move(t, id, batch.StatusSucceeded, outcome{})
	top := termtest.Start(t, w.command(t, dumb, "top"), 80, 50)
	for _, x := range []*termtest.Terminal{x, top} {
		if code := x.Exit(t); code != ExitOK {
			t.Errorf("exit code %d", code)
		}
		if sent := x.Sent(); strings.Contains(sent, "\x1b") || strings.Contains(strings.ReplaceAll(sent, "\r\n", ""), "\r") {
			t.Errorf("it was sent %q", sent)
		}
	}
	top.AwaitText(t, "node-29")
}

// Tables give way to narrow terminals, and to nothing else.
func TestTerminalTables(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	name := strings.Repeat("n", 60)
	id := w.submit(t, "--name", name)
	w.move(t, id, batch.StatusFailed, outcome{exitCode: 1, reason: "a reason that goes on and on"})
	for columns, isWhole := range map[int]bool{100: false, 250: true} {
		t.Run(strconv.Itoa(columns), func(t *testing.T) {
			t.Parallel()
			x := termtest.Start(t, w.command(t, nil, "jobs", "-q", "q"), columns, 8)
			x.Exit(t)
			x.Look(func(s *termtest.Screen) {
				if lines := s.Lines(); !strings.HasPrefix(lines[1], id) || lines[2] != "" || s.Has(name) != isWhole || s.Has("…") == isWhole {
					t.Errorf("the screen is\n%s", s)
				}
			})
		})
	}
	// Another program gets all of it.
	cmd := w.command(t, nil, "jobs", "-q", "q")
	if printed, err := cmd.Output(); err != nil || !strings.Contains(string(printed), name) || strings.Contains(string(printed), "\x1b") {
		t.Errorf("printed %q, %v", printed, err)
	}
}

// A token that is typed or pasted is not shown, however long it is.
func TestTerminalToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys, err := keysIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	w, end, err := newWorld(keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	name := strings.Repeat("n", 6000) // more than a line of a terminal holds
	cases := map[string]struct {
		typed    string
		want     string
		wantCode int
	}{
		"a token":            {"token-of-ann" + termtest.Enter, " as ann", ExitOK},
		"a long one":         {"token-of-" + name + termtest.Enter, " as n", ExitOK},
		"mistyped":           {"x" + termtest.EraseLine + "token-of-bobx" + termtest.Backspace + termtest.Enter, " as bob", ExitOK},
		"not one":            {"secret" + termtest.Enter, "the token is not kept", ExitDenied},
		"nothing":            {termtest.Enter, "a token is one word", ExitUsage},
		"the end":            {termtest.EndOfFile, "a token is one word", ExitUsage},
		"given up":           {"secret" + termtest.Interrupt, "", ExitInterrupted},
		"with a paste's end": {"token-of-ann\n", " as ann", ExitOK},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := termtest.Start(t, w.command(t, nil, "auth", "login", "--token-stdin"), 100, 12)
			x.AwaitText(t, "Token:")
			x.AwaitHidden(t)
			x.Type(t, tc.typed)
			if code := x.Exit(t); code != tc.wantCode {
				t.Errorf("exit code %d, want %d", code, tc.wantCode)
			}
			if sent := x.Sent(); !strings.Contains(sent, tc.want) || strings.Contains(sent, "token-of") || strings.Contains(sent, "secret") {
				t.Errorf("it was sent %.500q, want %q", sent, tc.want)
			}
			tidy(t, x)
		})
	}
}
