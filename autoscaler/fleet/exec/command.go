// SPDX-License-Identifier: Apache-2.0

package exec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	exTempFail = 75 // sysexits.h: try again later; here: out of capacity
	maxReply   = 64 << 20
	maxMessage = 1 << 10
	// drainTime is how long output is awaited that a daemon left behind by the command may hold open. What the command
	// itself wrote is in the pipe when it exits, and is read however late that is.
	drainTime = 100 * time.Millisecond
)

// errTempFail is in the chain of errors of a command that exited with exTempFail.
var errTempFail = errors.New("out of capacity")

type command struct {
	path string
}

func newCommand(path string) (*command, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return nil, fmt.Errorf("find fleet command: %w", err)
	}
	return &command{path: found}, nil
}

// run runs a verb with in on stdin and decodes stdout into out, unless out is nil.
func (c *command) run(ctx context.Context, verb string, in, out any) error {
	request, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request of fleet command %s: %w", verb, err)
	}
	stdout, stderr, err := c.execute(ctx, verb, request)
	if err != nil {
		return fmt.Errorf("run fleet command %s: %w", verb, explain(ctx, err, stderr))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(stdout, out); err != nil {
		return fmt.Errorf("decode reply of fleet command %s: %w", verb, err)
	}
	return nil
}

// execute runs the process in a process group of its own, so that an interrupt at the terminal does not end a launch half
// way.
func (c *command) execute(ctx context.Context, verb string, request []byte) (stdout, stderr []byte, err error) {
	cmd := exec.CommandContext(ctx, c.path, verb)
	cmd.Stdin = bytes.NewReader(request)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // for a command that never reads its stdin
	out, err := newCapture(&cmd.Stdout)
	if err != nil {
		return nil, nil, err
	}
	messages, err := newCapture(&cmd.Stderr)
	if err != nil {
		out.finish()
		return nil, nil, err
	}
	err = cmd.Run()
	return out.finish(), messages.finish(), err
}

// capture reads what a process writes without waiting for the daemons that inherit the pipe.
type capture struct {
	reader, writer *os.File
	done           chan []byte
}

func newCapture(target *io.Writer) (*capture, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	c := &capture{reader: r, writer: w, done: make(chan []byte, 1)}
	*target = w
	go func() {
		data, _ := io.ReadAll(io.LimitReader(r, maxReply)) // ends by EOF or by finish's deadline
		c.done <- data
	}()
	return c, nil
}

func (c *capture) finish() []byte {
	c.writer.Close()
	_ = c.reader.SetReadDeadline(time.Now().Add(drainTime))
	data := c.drain(<-c.done)
	c.reader.Close()
	return data
}

// drain adds to data what is in the pipe now. On a busy machine nobody may have come to read it before the deadline, after
// which nothing is read.
func (c *capture) drain(data []byte) []byte {
	_ = c.reader.SetReadDeadline(time.Time{})
	pipe, err := c.reader.SyscallConn()
	if err != nil {
		return data
	}
	buffer := make([]byte, 64<<10)
	for len(data) < maxReply {
		n := 0
		err := pipe.Read(func(fd uintptr) bool {
			n, _ = syscall.Read(int(fd), buffer) // an error means that there is nothing now
			return true                          // and it is not waited for
		})
		if err != nil || n <= 0 {
			break
		}
		data = append(data, buffer[:n]...)
	}
	return data
}

// explain makes an error of an exit status and the last line of stderr.
func explain(ctx context.Context, err error, stderr []byte) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	message := lastLine(stderr)
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) {
		return err
	}
	if message == "" {
		message = "no message"
	}
	if exit.ExitCode() == exTempFail {
		return fmt.Errorf("%w: %s", errTempFail, message)
	}
	return fmt.Errorf("%w: %s", err, message)
}

func lastLine(output []byte) string {
	text := strings.TrimSpace(string(output))
	text = text[strings.LastIndexByte(text, '\n')+1:]
	if len(text) > maxMessage {
		text = text[:maxMessage]
	}
	return strings.ToValidUTF8(text, "?")
}
