// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a program that writes to a log of its own.
type process struct {
	cmd *exec.Cmd
	log string
}

// start runs a program, which dies with this one.
func start(ctx context.Context, dir, program string, args ...string) (*process, error) {
	log, err := os.CreateTemp(dir, filepath.Base(program)+"-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{cmd: exec.CommandContext(ctx, program, args...), log: log.Name()}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return p, nil
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// cpu is all the CPU time that the process has used, in user and system mode.
func (p *process) cpu() (time.Duration, error) {
	// The clock of another process, as clock_getcpuclockid makes its number.
	clock := ^int32(p.cmd.Process.Pid)<<3 | unix.CLOCK_PROCESS_CPUTIME_ID //nolint:gosec // a process id is small
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("read CPU time of %s: %w", p.cmd.Path, err)
	}
	return time.Duration(t.Nano()), nil
}

// cpuAtRest waits until the process has nothing to do and returns the CPU time that it has used until then.
func (p *process) cpuAtRest(ctx context.Context) (time.Duration, error) {
	const interval, idle = 250 * time.Millisecond, 12 * time.Millisecond
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	for {
		if err := pause(ctx, interval); err != nil {
			return 0, err
		}
		now, err := p.cpu()
		if err != nil || now-before < idle {
			return now, err
		}
		before = now
	}
}

// tail is the end of what the process has written.
func (p *process) tail() string {
	const most = 4 << 10
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// pause waits, or fails as soon as ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// await asks again and again until cond holds.
func await(ctx context.Context, what string, patience time.Duration, cond func() bool) error {
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain: %s", what)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
