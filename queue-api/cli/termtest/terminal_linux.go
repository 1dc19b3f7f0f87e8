// SPDX-License-Identifier: Apache-2.0

package termtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is a terminal that one program runs on.
type Terminal struct {
	cmd    *exec.Cmd
	master *os.File
	fd     int32         // of master
	ended  chan struct{} // closed once the program has, and all that it sent is shown
	err    error         // how it did; to be read after that

	mu     sync.Mutex // guards what follows
	screen *Screen
	sent   strings.Builder
}

// How long and how often a test looks for what it waits for.
const (
	patience = time.Minute
	pause    = 5 * time.Millisecond
)

// Start starts a program on a terminal of a size: standard input, output and error that the test has not set are the terminal. It is
// killed at the end of the test at the latest.
func Start(t *testing.T, cmd *exec.Cmd, columns, rows int) *Terminal {
	t.Helper()
	master, tty, err := open(columns, rows)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	x := &Terminal{cmd: cmd, master: master, fd: int32(master.Fd()), ended: make(chan struct{}), screen: NewScreen(columns, rows)}
	if cmd.Stdin == nil {
		cmd.Stdin = tty
	}
	if cmd.Stdout == nil {
		cmd.Stdout = tty
	}
	if cmd.Stderr == nil {
		cmd.Stderr = tty
	}
	cmd.ExtraFiles = []*os.File{tty}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3} // the first of ExtraFiles
	if err := cmd.Start(); err != nil {
		t.Fatal(errors.Join(err, master.Close()))
	}
	go x.show()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		<-x.ended
		_ = master.Close()
	})
	return x
}

// open makes a terminal: the end that a test has, and the one that a program has.
func open(columns, rows int) (master, tty *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		return nil, nil, err
	}
	if tty, err = otherEnd(master, columns, rows); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make a terminal: %w", err), master.Close())
	}
	return master, tty, nil
}

func otherEnd(master *os.File, columns, rows int) (*os.File, error) {
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	if err := setSize(master, columns, rows); err != nil {
		return nil, err
	}
	return os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
}

func setSize(master *os.File, columns, rows int) error {
	return unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)})
}

// show shows what the program sends until it and all that it started have ended.
func (x *Terminal) show() {
	defer close(x.ended)
	buf := make([]byte, 32<<10)
	for x.showNext(buf) {
	}
	x.err = x.cmd.Wait()
}

// showNext waits for more and shows it. Nothing is ever read and not shown while the mutex is free. It returns false when nobody has
// the other end any more.
func (x *Terminal) showNext(buf []byte) bool {
	for !x.hasMore(-1) { // interrupted
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	n, err := x.master.Read(buf)
	_, _ = x.screen.Write(buf[:n])
	x.sent.Write(buf[:n])
	return err == nil
}

// hasMore reports whether there is something to read, be it the end, within some milliseconds; within any time if they are negative.
func (x *Terminal) hasMore(milliseconds int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: x.fd, Events: unix.POLLIN}}, milliseconds)
	return err == nil && n > 0
}

// Type types what a user would.
func (x *Terminal) Type(t *testing.T, keys string) {
	t.Helper()
	if _, err := x.master.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// Resize makes the terminal another size, of which the program is told by a signal. All that it wrote for the old size is shown
// before: it is stopped meanwhile.
func (x *Terminal) Resize(t *testing.T, columns, rows int) {
	t.Helper()
	x.Signal(t, syscall.SIGSTOP)
	defer x.Signal(t, syscall.SIGCONT)
	x.until(t, "a program that stands still", func() bool { return isStopped(x.cmd.Process.Pid) })
	x.until(t, "all that it wrote", func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return !x.hasMore(0)
	})
	x.mu.Lock()
	defer x.mu.Unlock()
	x.screen.Resize(columns, rows)
	if err := setSize(x.master, columns, rows); err != nil {
		t.Fatal(err)
	}
}

// isStopped reports whether all threads of a process are.
func isStopped(pid int) bool {
	files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/stat")
	for _, file := range files {
		// NUMBER (NAME) STATE …
		stat, err := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
		if err == nil && !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return err == nil && len(files) > 0
}

// Look has a test look at the screen as it is.
func (x *Terminal) Look(at func(s *Screen)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	at(x.screen)
}

// Sent is all that the program sent.
func (x *Terminal) Sent() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sent.String()
}

// Await waits until the screen is as a test wants it.
func (x *Terminal) Await(t *testing.T, what string, is func(s *Screen) bool) {
	t.Helper()
	x.until(t, what, func() (so bool) {
		x.Look(func(s *Screen) { so = is(s) })
		return so
	})
}

// AwaitText waits until a text stands in a line of the screen.
func (x *Terminal) AwaitText(t *testing.T, text string) {
	t.Helper()
	x.Await(t, strconv.Quote(text), func(s *Screen) bool { return s.Has(text) })
}

// AwaitHidden waits until what is typed is not shown.
func (x *Terminal) AwaitHidden(t *testing.T) {
	t.Helper()
	x.until(t, "a terminal that does not show what is typed", func() bool { return !x.Echoes(t) })
}

// Echoes reports whether the terminal shows what is typed and keeps it until a line is whole, as one does that nobody has changed.
func (x *Terminal) Echoes(t *testing.T) bool {
	t.Helper()
	modes, err := unix.IoctlGetTermios(int(x.master.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	const want = unix.ECHO | unix.ICANON | unix.ISIG
	return modes.Lflag&want == want && modes.Oflag&unix.OPOST != 0
}

// Signal sends the program a signal.
func (x *Terminal) Signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := x.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Exit waits until the program has ended, and gives its exit code.
func (x *Terminal) Exit(t *testing.T) int {
	t.Helper()
	x.until(t, "the end of the program", func() bool {
		select {
		case <-x.ended:
			return true
		default:
			return false
		}
	})
	if x.err != nil && x.cmd.ProcessState.ExitCode() < 0 {
		t.Fatal(x.err)
	}
	return x.cmd.ProcessState.ExitCode()
}

func (x *Terminal) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(pause) {
		if time.Now().After(end) {
			x.Look(func(s *Screen) { t.Fatalf("never seen: %s. The screen is\n%s\n", what, s) })
		}
	}
}
