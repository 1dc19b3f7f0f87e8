// SPDX-License-Identifier: Apache-2.0

package exec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/fleettest"
)

// newFleet is a script of testdata called by a name, and the folder that it finds itself in.
func newFleet(t *testing.T, script, name string) (f *Fleet, folder string) {
	t.Helper()
	target, err := filepath.Abs(filepath.Join("testdata", script))
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	link := filepath.Join(folder, name)
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if f, err = New(link); err != nil {
		t.Fatal(err)
	}
	return f, folder
}

func write(t *testing.T, folder, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFleet(t *testing.T) {
	t.Parallel()
	fleettest.Run(t, func(t *testing.T) fleettest.Harness {
		t.Helper()
		f, state := newFleet(t, "fleet.sh", "fleet")
		return fleettest.Harness{
			Fleet: f,
			Types: []string{"c5.large", "m5.xlarge"},
			Exhaust: func(instanceType string, n int) {
				write(t, state, "stock-"+instanceType, strconv.Itoa(n))
			},
		}
	})
}

func TestAllocatableIsTakenOver(t *testing.T) {
	t.Parallel()
	f, _ := newFleet(t, "fleet.sh", "fleet")
	types, err := f.InstanceTypes(t.Context(), []string{"c5.large", "m5.xlarge"})
	if err != nil {
		t.Fatal(err)
	}
	if a := types[0].Allocatable; a == nil || a.CPUMillis != 2000 || a.MemoryMiB != 3800 || types[1].Allocatable != nil {
		t.Errorf("types = %+v", types)
	}
}

func TestMessageIsTheLastLineOfStderr(t *testing.T) {
	t.Parallel()
	f, state := newFleet(t, "fleet.sh", "fleet")
	write(t, state, "stock-c5.large", "0")
	r := fleettest.Request(t, fleettest.Harness{Fleet: f, Types: []string{"c5.large"}}, "token", 1)
	_, err := f.Launch(t.Context(), r)
	want := "no capacity for instance type c5.large: run fleet command launch: out of capacity: the rack is full"
	if !fleet.IsOutOfCapacity(err) || err.Error() != want {
		t.Errorf("error = %q, want %q", err, want)
	}
}

func TestBadCommands(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"fails":              "run fleet command list: exit status 3: boom",
		"fails-silently":     "run fleet command list: exit status 1: no message",
		"replies-nonsense":   "decode reply of fleet command list",
		"replies-without-id": "has no instanceId",
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFleet(t, "bad.sh", name)
			_, err := f.List(t.Context())
			if err == nil || !strings.Contains(err.Error(), want) || fleet.IsOutOfCapacity(err) {
				t.Errorf("error = %v, want %q", err, want)
			}
		})
	}
}

func TestCommandNeedNotReadItsInput(t *testing.T) {
	t.Parallel()
	f, _ := newFleet(t, "bad.sh", "reads-nothing")
	if _, err := f.List(t.Context()); err != nil {
		t.Errorf("List: %v", err)
	}
}

func TestDaemonsThatStayDoNotHoldUpTheReply(t *testing.T) {
	t.Parallel()
	f, state := newFleet(t, "fleet.sh", "fleet")
	write(t, state, "daemon", "")
	t.Cleanup(func() {
		var pid int
		text, err := os.ReadFile(filepath.Join(state, "daemon"))
		if _, scanErr := fmt.Sscan(string(text), &pid); errors.Join(err, scanErr) != nil {
			t.Errorf("which process stays: %v, %v", err, scanErr)
			return
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Errorf("the process that was to stay: %v", err)
		}
	})
	r := fleettest.Request(t, fleettest.Harness{Fleet: f, Types: []string{"c5.large"}}, "token", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // it stays longer
	defer cancel()
	if _, err := f.Launch(ctx, r); err != nil {
		t.Errorf("Launch: %v", err)
	}
}

// A reply is whole however late its reader comes.
func TestReplyIsReadAfterTheDeadline(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := capture{reader: reader, writer: writer, done: make(chan []byte, 1)}
	want := strings.Repeat("x", 40_000)
	if _, err := writer.WriteString(want); err != nil {
		t.Fatal(err)
	}
	daemon, err := syscall.Dup(int(writer.Fd())) // holds it open
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(daemon) })
	c.done <- []byte("y") // all that was read in time
	if got := string(c.finish()); got != "y"+want {
		t.Errorf("%d bytes were read, want %d", len(got), 1+len(want))
	}
}

func TestSlowCommandIsKilled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("took too long"))
	defer cancel()
	f, _ := newFleet(t, "bad.sh", "hangs")
	_, err := f.List(ctx)
	if err == nil || !strings.Contains(err.Error(), "took too long") {
		t.Errorf("error = %v", err)
	}
}

func TestMissingCommand(t *testing.T) {
	t.Parallel()
	if _, err := New("/nonexistent/fleet"); err == nil {
		t.Error("New succeeded")
	}
}
