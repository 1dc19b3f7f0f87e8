// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is one process, for good: a pid with the time it started, in clock ticks since a certain boot of the machine.
type Process struct {
	PID       int    `json:"pid"`
	StartTime int64  `json:"startTime"`
	Boot      string `json:"boot"`
}

// boot is the id the kernel gave to this boot of the machine.
var boot = sync.OnceValue(func() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // Without one, the pid and its start time have to do.
	return strings.TrimSpace(string(id))
})

// errNoProcess is what a pid without a live process gives.
var errNoProcess = errors.New("no such process")

// find returns the live process that has pid. A zombie is not alive.
func find(pid int) (Process, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Process{}, errNoProcess
	}
	state, start, err := parseStat(stat)
	if err != nil {
		return Process{}, fmt.Errorf("parse stat of process %d: %w", pid, err)
	}
	if state == 'Z' || state == 'X' {
		return Process{}, errNoProcess
	}
	return Process{PID: pid, StartTime: start, Boot: boot()}, nil
}

// parseStat reads the state and the start time, fields 3 and 22 of /proc/PID/stat. Field 2, the command's name in
// parentheses, may itself hold spaces and parentheses, so counting begins after the last one.
func parseStat(stat []byte) (state byte, start int64, err error) {
	_, rest, ok := bytes.Cut(stat, []byte(" ("))
	end := bytes.LastIndexByte(rest, ')')
	if !ok || end < 0 {
		return 0, 0, errors.New("no command name")
	}
	fields := bytes.Fields(rest[end+1:])
	if len(fields) < 20 {
		return 0, 0, fmt.Errorf("%d fields after the command name", len(fields))
	}
	start, err = strconv.ParseInt(string(fields[19]), 10, 64)
	return fields[0][0], start, err
}

// IsAlive reports whether the process still runs.
func (p Process) IsAlive() bool {
	now, err := find(p.PID)
	return err == nil && now == p
}

// Signal sends sig, unless the process has ended.
func (p Process) Signal(sig syscall.Signal) error {
	if !p.IsAlive() {
		return nil
	}
	if err := syscall.Kill(p.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to process %d: %w", sig, p.PID, err)
	}
	return nil
}

// Stop asks the process to end, and kills it when it has not ended within grace. It returns when the process is gone.
func (p Process) Stop(grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if p.wait(grace) {
		return nil
	}
	return p.Kill()
}

// Kill ends the process without asking and returns when it is gone.
func (p Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	if !p.wait(killTimeout) {
		return fmt.Errorf("process %d is still there %v after it was killed", p.PID, killTimeout)
	}
	return nil
}

// killTimeout bounds how long the kernel may take to end a killed process that sits in a system call.
const killTimeout = time.Minute

// wait reports whether the process ends within limit. Processes of another parent cannot be waited for, so it polls.
func (p Process) wait(limit time.Duration) bool {
	for deadline := time.Now().Add(limit); p.IsAlive(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
