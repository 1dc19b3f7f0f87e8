// SPDX-License-Identifier: Apache-2.0

package stack

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
)

// restartDelay lies between the end of a process that nobody killed and its next start.
const restartDelay = 300 * time.Millisecond

// Process is a program that is started again whenever it ends.
type Process struct {
	program daemon.Program
	set     daemon.Set

	mu      sync.Mutex // guards what follows
	current daemon.Process
	kills   int           // how often Kill met it alive
	ends    int           // how often it ended by itself
	down    time.Duration // how long it stays down after it was killed
	killed  bool          // since its last start
	failed  error         // why it could not be started last
}

// Name is unique in the stack.
func (p *Process) Name() string { return p.program.Name }

// keep runs the program until ctx ends.
func (p *Process) keep(ctx context.Context) {
	for ctx.Err() == nil {
		started, err := p.start(ctx)
		if err == nil {
			for started.IsAlive() && pause(ctx, 20*time.Millisecond) {
				continue
			}
		}
		if ctx.Err() == nil {
			pause(ctx, p.noteEnd())
		}
	}
}

func (p *Process) start(ctx context.Context) (daemon.Process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() != nil {
		return daemon.Process{}, ctx.Err()
	}
	p.killed = false
	p.current, p.failed = p.set.Start(p.program)
	return p.current, p.failed
}

// noteEnd returns how long to wait before the next start.
func (p *Process) noteEnd() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return p.down
	}
	p.ends++
	return restartDelay
}

// Kill ends the process as kill -9 does, and keeps it down for a while. It reports whether there was one.
func (p *Process) Kill(down time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed || !p.current.IsAlive() {
		return false
	}
	p.killed, p.down = true, down
	p.kills++
	return p.current.Signal(syscall.SIGKILL) == nil
}

// Stop halts the process where it is, as a machine that swaps or is being moved does, until Continue.
func (p *Process) Stop() { p.signal(syscall.SIGSTOP) }

// Continue takes Stop back.
func (p *Process) Continue() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.current.Signal(s) // one that has ended meanwhile is started anew
}

// Figures are how often the process was killed, and how often it ended by itself.
func (p *Process) Figures() (kills, ends int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kills, p.ends
}

// Trouble is the end of the process's log, and why it could not be started.
func (p *Process) Trouble() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%s: %v\n%s", p.Name(), p.failed, p.set.Tail(p.Name(), 15))
}

// pause reports whether ctx went on for so long.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
