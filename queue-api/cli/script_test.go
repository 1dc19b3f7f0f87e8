// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"muster":         func() { runMain(Config{}) },
		"kubectl-muster": func() { runMain(Config{IsPlugin: true}) },
	})
}

// runMain is the program, as cmd/muster has it.
func runMain(cfg Config) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Main(ctx, cfg, os.Args[1:])
	stop()
	os.Exit(code)
}

// worldKey finds a script's world.
type worldKey struct{}

// TestScripts plays the scripts of testdata/script: what users type, and what they see. Each has a furnished world of its own; one whose
// name ends in -keys has one that asks who is there. Beside testscript's own commands there are:
//
//	advance JOB STATUS [EXITCODE [REASON]]  moves a job on
//	write JOB [-node N] LINE...             has its pod write lines
//	save NAME                               keeps what was printed last in an environment variable
//	answer PATH FILE                        has a path of the API answered so
//	asked REQUEST                           fails unless it was asked for, as "GET /x/v1/nodes"
//	code CODE COMMAND...                    fails unless muster COMMAND ends with that exit code
//	appears FILE TEXT                       waits until the file holds the text, for a minute
//	eventually COMMAND...                   repeats muster COMMAND until it prints what follows --, for a minute
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"advance": advanceCmd, "write": writeCmd, "save": saveCmd, "answer": answerCmd, "asked": askedCmd, "eventually": eventuallyCmd, "appears": appearsCmd, "code": codeCmd,
		},
	})
}

func setUp(env *testscript.Env) error {
	keys := ""
	if strings.HasSuffix(filepath.Base(env.WorkDir), "-keys") {
		var err error
		if keys, err = keysIn(env.WorkDir); err != nil {
			return err
		}
	}
	w, end, err := newWorld(keys)
	if err != nil {
		return err
	}
	env.Defer(end)
	env.Values[worldKey{}] = w
	home := filepath.Join(env.WorkDir, ".home")
	env.Vars = append(env.Vars, "MUSTER_ENDPOINT_URL="+w.url, "HOME="+home, "XDG_CONFIG_HOME="+home, "TZ=UTC")
	if keys != "" {
		return nil
	}
	return w.furnish(context.Background())
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func advanceCmd(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: advance JOB STATUS [EXITCODE [REASON]]")
	}
	end := outcome{}
	if len(args) > 2 {
		var err error
		end.exitCode, err = strconv.Atoi(args[2])
		ts.Check(err)
		end.reason = strings.Join(args[3:], " ")
	}
	ts.Check(worldOf(ts).advance(context.Background(), args[0], batch.JobStatus(args[1]), end))
}

func writeCmd(ts *testscript.TestScript, _ bool, args []string) {
	w, node := worldOf(ts), 0
	job, err := w.Job(context.Background(), args[0])
	ts.Check(err)
	args = args[1:]
	if args[0] == "-node" {
		node, err = strconv.Atoi(args[1])
		ts.Check(err)
		args = args[2:]
	}
	for i, arg := range args {
		if text, err := strconv.Unquote(`"` + arg + `"`); err == nil {
			args[i] = text
		}
	}
	w.write(job, node, args...)
}

func saveCmd(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func answerCmd(ts *testscript.TestScript, _ bool, args []string) {
	worldOf(ts).answer(args[0], []byte(os.Expand(ts.ReadFile(args[1]), ts.Getenv)))
}

func askedCmd(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Contains(w.requests, strings.Join(args, " ")) == neg {
		ts.Fatalf("asked for: %s", strings.Join(slices.Compact(w.requests), ", "))
	}
}

func eventuallyCmd(ts *testscript.TestScript, _ bool, args []string) {
	i := slices.Index(args, "--")
	if i < 0 {
		ts.Fatalf("usage: eventually COMMAND... -- TEXT")
	}
	want := strings.Join(args[i+1:], " ")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := ts.Exec("muster", args[:i]...)
		if err == nil && strings.Contains(ts.ReadFile("stdout"), want) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("muster %s never printed %q", strings.Join(args[:i], " "), want)
		}
	}
}

func appearsCmd(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: appears FILE TEXT")
	}
	path := ts.MkAbs(args[0])
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never held %q: %s, %v", args[0], args[1], text, err)
		}
	}
}

func codeCmd(ts *testscript.TestScript, _ bool, args []string) {
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](ts.Exec("muster", args[1:]...)); ok {
		got = exit.ExitCode()
	}
	if want, err := strconv.Atoi(args[0]); err != nil || got != want {
		ts.Fatalf("muster %s ended with %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}
