// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package docs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell is the bash that a page's commands are typed into: what one of them exports, the next ones know.
type shell struct {
	dir     string
	in      io.Writer
	replies *bufio.Reader
	process *exec.Cmd
	count   int
}

// newShell starts a bash in a folder. Its make and go are those of the checkout, its python3 is
// Debian's.
func newShell(t *testing.T, dir, root string, env []string) *shell {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "--norc", "--noprofile")
	cmd.Dir, cmd.Env, cmd.ExtraFiles = dir, env, []*os.File{writer}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	t.Cleanup(func() {
		in.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		reader.Close()
	})
	s := &shell{dir: dir, in: in, replies: bufio.NewReader(reader), process: cmd}
	if err := s.script(t.Context(), "set -o pipefail\nmake() { command make --no-print-directory -C '"+root+"' \"$@\"; }\ngo() { (cd '"+root+"' && command go \"$@\"); }\npython3() { /usr/bin/python3 \"$@\"; }"); err != nil {
		t.Fatal(err)
	}
	return s
}

// run types a script and returns what it prints and the code of its first command that fails.
func (s *shell) run(ctx context.Context, script string) (printed string, code int, err error) {
	file := s.write("trap 'return' ERR\n" + script + "\n")
	if _, err := fmt.Fprintf(s.in, ". %[1]s.sh </dev/null >%[1]s.out 2>&1 3>&-; echo $? >&3\n", file); err != nil {
		return "", 0, fmt.Errorf("type into bash: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-s.process.Process.Pid, syscall.SIGKILL) })
	defer stop()
	reply, err := s.replies.ReadString('\n')
	output, readErr := os.ReadFile(file + ".out")
	if err != nil {
		return string(output), 0, errors.Join(errors.New("the shell has ended"), ctx.Err())
	}
	code, err = strconv.Atoi(strings.TrimSpace(reply))
	return string(output), code, errors.Join(err, readErr)
}

// script runs what must succeed.
func (s *shell) script(ctx context.Context, script string) error {
	printed, code, err := s.run(ctx, script)
	if err == nil && code != 0 {
		err = fmt.Errorf("it ended with %d", code)
	}
	if err != nil {
		return fmt.Errorf("%s\n%w, having printed\n%s", indent(script), err, indent(printed))
	}
	return nil
}

// stream runs a command until it has printed what is shown, and ends it.
func (s *shell) stream(ctx context.Context, c command) error {
	start := "set -m\n( " + c.text + "\n) & stream=$!\nset +m"
	if err := s.script(ctx, start); err != nil {
		return err
	}
	file := filepath.Join(s.dir, fmt.Sprintf(".%d.out", s.count))
	var printed []byte
	for ; ctx.Err() == nil; time.Sleep(pollInterval) {
		var err error
		if printed, err = os.ReadFile(file); err != nil {
			return err
		}
		if startsAs(c.prints, string(printed)) {
			break
		}
	}
	ended := s.script(context.WithoutCancel(ctx), "kill -- -$stream 2>/dev/null || true\nwait $stream 2>/dev/null || true")
	if ctx.Err() != nil {
		return errors.Join(errors.New(match(c.prints, string(printed))), ended)
	}
	return ended
}

// write keeps a script in a file and returns its name without the ending.
func (s *shell) write(script string) string {
	s.count++
	file := filepath.Join(s.dir, fmt.Sprintf(".%d", s.count))
	if err := os.WriteFile(file+".sh", []byte(script), 0o600); err != nil {
		panic(err) // the folder is the test's own
	}
	return file
}

// pollInterval is how often something is looked at again.
const pollInterval = 300 * time.Millisecond
