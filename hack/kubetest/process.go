// SPDX-License-Identifier: Apache-2.0

package kubetest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Command returns a command that is killed when its parent dies.
func Command(path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Process is a program that runs until the test ends.
type Process struct {
	cmd  *exec.Cmd
	log  string        // the file with its output
	done chan struct{} // closed once it has ended
}

// Log returns what the process has written so far.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Run starts a program. It is killed when the test ends; if the test failed, the end of its output is logged.
func Run(tb testing.TB, path string, args ...string) *Process {
	tb.Helper()
	out, err := os.Create(filepath.Join(tb.TempDir(), filepath.Base(path)+".log"))
	if err != nil {
		tb.Fatal(err)
	}
	p := &Process{cmd: Command(path, args...), log: out.Name(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // its output says why it ended
	}()
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("%s:\n%s", filepath.Base(path), tail(p.Log()))
		}
		_ = out.Close()
	})
	return p
}

// Kill ends the process at once, as kill -9 does, and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // an error means it has ended
	<-p.done
}

// Terminate tells the process to end, as Kubernetes does, and waits until it has.
func (p *Process) Terminate() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means it has ended
	<-p.done
}

// Pause stops the process where it is, until Resume.
func (p *Process) Pause() { _ = p.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }

// HasEnded reports whether the process is gone.
func (p *Process) HasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Scheduler is a running batch-scheduler.
type Scheduler struct {
	*Process
	Address string // of its secure port
}

// RunScheduler runs the program at path under its own role, with the flags that a user outside a cluster would give it.
func (c *ControlPlane) RunScheduler(path string, args ...string) *Scheduler {
	c.tb.Helper()
	address := FreeAddress(c.tb)
	_, port, _ := net.SplitHostPort(address)
	args = append([]string{"--kubeconfig=" + c.Kubeconfig(SchedulerToken), "--bind-address=127.0.0.1", "--secure-port=" + port}, args...)
	return &Scheduler{Process: Run(c.tb, path, args...), Address: address}
}

func tail(text string) string {
	const most = 8 << 10
	return text[max(0, len(text)-most):]
}
