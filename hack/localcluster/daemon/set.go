// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Set is the programs whose pid files lie in one folder.
type Set struct {
	// PIDs is the folder of pid files, Logs that of logs.
	PIDs, Logs string
}

// Program says how to start a program.
type Program struct {
	// Name is unique in its set, and names the pid file and the log.
	Name string
	Path string
	Args []string
	// Env is added to a minimal environment (PATH, HOME, TMPDIR).
	Env []string
	// Cgroups are the cgroup folders the program and all that it starts belong to from its first instruction on.
	Cgroups []string
	// PrivateMounts gives the program a mount namespace of its own: what it mounts nobody else sees, and it is gone with
	// the last process in it.
	PrivateMounts bool
	// Hold, a lock's file, stays open until the program is on record, even if the starter is killed meanwhile: who waits
	// for the lock then finds the program.
	Hold *os.File
}

// Start starts a program in a session of its own, its output going to its log. It returns when the program runs, or could
// not be executed.
func (s Set) Start(p Program) (Process, error) {
	for _, folder := range []string{s.PIDs, s.Logs} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return Process{}, fmt.Errorf("make folder: %w", err)
		}
	}
	log, err := os.OpenFile(s.Log(p.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return Process{}, fmt.Errorf("open log of %s: %w", p.Name, err)
	}
	defer log.Close()
	if err := s.spawn(p, log); err != nil {
		return Process{}, fmt.Errorf("start %s: %w", p.Name, err)
	}
	process, ok := s.Find(p.Name)
	if !ok {
		return Process{}, fmt.Errorf("start %s: it ended at once (log: %s)", p.Name, s.Log(p.Name))
	}
	return process, nil
}

// spawn starts the first stage and waits until it has become the program: then its end of the pipe closes by itself.
func (s Set) spawn(p Program, log *os.File) error {
	request, err := json.Marshal(stage{PIDFile: s.pidFile(p.Name), Cgroups: p.Cgroups, Path: p.Path, Args: p.Args})
	if err != nil {
		return err
	}
	report, done, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()
	attr := &syscall.SysProcAttr{Setsid: true}
	if p.PrivateMounts {
		attr.Unshareflags = syscall.CLONE_NEWNS
	}
	process, err := os.StartProcess("/proc/self/exe", []string{stageName, string(request)}, &os.ProcAttr{
		Dir:   s.PIDs,
		Env:   append(baseEnv(), p.Env...),
		Files: []*os.File{nil, log, log, done, p.Hold},
		Sys:   attr,
	})
	done.Close()
	if err != nil {
		return err
	}
	go func() { _, _ = process.Wait() }() // Leaves no zombie while the starter lives.
	if message, err := io.ReadAll(report); err != nil || len(message) > 0 {
		return errors.Join(err, errors.New(string(message)))
	}
	return nil
}

// baseEnv is what programs get of the starter's environment: not its AWS keys, proxies or Kubernetes settings. The
// folders of root's programs, which a user's PATH may lack, are added.
func baseEnv() []string {
	env := []string{"PATH=" + os.Getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin"}
	for _, key := range []string{"HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+value)
		}
	}
	return env
}

// Find returns the named program's process if it runs.
func (s Set) Find(name string) (Process, bool) {
	content, err := os.ReadFile(s.pidFile(name))
	if err != nil {
		return Process{}, false
	}
	var process Process
	if json.Unmarshal(content, &process) != nil {
		return Process{}, false
	}
	return process, process.IsAlive()
}

// Stop ends the named program: SIGTERM, then after grace SIGKILL. A program that does not run is no error.
func (s Set) Stop(name string, grace time.Duration) error {
	if process, ok := s.Find(name); ok {
		if err := process.Stop(grace); err != nil {
			return fmt.Errorf("stop %s: %w", name, err)
		}
	}
	return s.forget(name)
}

// Kill ends the named program with SIGKILL.
func (s Set) Kill(name string) error {
	if process, ok := s.Find(name); ok {
		if err := process.Kill(); err != nil {
			return fmt.Errorf("kill %s: %w", name, err)
		}
	}
	return s.forget(name)
}

func (s Set) forget(name string) error {
	if err := os.Remove(s.pidFile(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove pid file: %w", err)
	}
	return nil
}

// Names are the programs with a pid file, running or not, sorted.
func (s Set) Names() []string {
	files, _ := filepath.Glob(s.pidFile("*"))
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".pid"))
	}
	slices.Sort(names)
	return names
}

// Log is the file that the named program writes to.
func (s Set) Log(name string) string { return filepath.Join(s.Logs, name+".log") }

// Tail returns the last lines of the named program's log, for an error message.
func (s Set) Tail(name string, lines int) string {
	content, err := os.ReadFile(s.Log(name))
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (s Set) pidFile(name string) string { return filepath.Join(s.PIDs, name+".pid") }
