// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
)

func TestMain(m *testing.M) {
	daemon.ExecIfAsked()
	os.Exit(m.Run())
}

func newSet(t *testing.T) daemon.Set {
	t.Helper()
	dir := t.TempDir()
	return daemon.Set{PIDs: filepath.Join(dir, "pids"), Logs: filepath.Join(dir, "logs")}
}

func sleeper(name string) daemon.Program {
	return daemon.Program{Name: name, Path: "/bin/sh", Args: []string{"-c", "echo up; exec sleep 600"}}
}

func TestStart(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		program daemon.Program
		wantErr string
	}{
		"a program runs when Start returns":      {program: sleeper("one")},
		"a path that does not exist is told":     {program: daemon.Program{Name: "one", Path: "/no/such/program"}, wantErr: "execute /no/such/program: no such file or directory"},
		"a cgroup that does not exist is told":   {program: daemon.Program{Name: "one", Path: "/bin/true", Cgroups: []string{"/no/such"}}, wantErr: "join cgroup"},
		"the environment is not the starter's":   {program: daemon.Program{Name: "one", Path: "/bin/sh", Args: []string{"-c", `test -z "$AWS_PROFILE" && exec sleep 600`}}},
		"the environment asked for is handed on": {program: daemon.Program{Name: "one", Path: "/bin/sh", Args: []string{"-c", `test "$COLOUR" = red && exec sleep 600`}, Env: []string{"COLOUR=red"}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := newSet(t)
			process, err := set.Start(tc.program)
			t.Cleanup(func() { _ = set.Kill("one") })
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Fatalf("Start() error = %v, want one with %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if found, ok := set.Find("one"); !ok || found != process {
				t.Errorf("Find() = %v, %v, want %v, true", found, ok, process)
			}
		})
	}
}

func TestStopEndsAProgramThatIgnoresTERM(t *testing.T) {
	t.Parallel()
	set := newSet(t)
	stubborn := daemon.Program{Name: "stubborn", Path: "/bin/sh", Args: []string{"-c", "trap '' TERM; echo up; while :; do sleep 1; done"}}
	process, err := set.Start(stubborn)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Stop("stubborn", 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if process.IsAlive() {
		t.Errorf("process %d still runs", process.PID)
	}
	if diff := cmp.Diff([]string(nil), set.Names()); diff != "" {
		t.Errorf("names mismatch (-want +got):\n%s", diff)
	}
}

func TestAReusedPIDIsNeverSignalled(t *testing.T) {
	t.Parallel()
	set := newSet(t)
	process, err := set.Start(sleeper("one"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Kill() })
	earlier, lastBoot := process, process
	earlier.StartTime--
	lastBoot.Boot = "another"
	for name, gone := range map[string]daemon.Process{"another time": earlier, "another boot": lastBoot} {
		if gone.IsAlive() {
			t.Errorf("a process that was started at %s counts as alive", name)
		}
		if err := gone.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if !process.IsAlive() {
		t.Error("the process that took over the pid was killed")
	}
}
