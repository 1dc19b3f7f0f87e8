// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// stageName is the first stage's argument zero.
const stageName = "localcluster-daemon"

// File descriptors that becoming the program closes: where the first stage reports what went wrong, and the starter's lock.
const (
	statusFD = 3
	holdFD   = 4
)

// stage is what the first stage is told.
type stage struct {
	PIDFile string
	Cgroups []string
	Path    string
	Args    []string
}

// ExecIfAsked turns this process into a program when [Set.Start] started it for that, and then does not return. A main
// package that starts programs calls it first.
func ExecIfAsked() {
	if len(os.Args) != 2 || os.Args[0] != stageName {
		return
	}
	syscall.CloseOnExec(statusFD)
	syscall.CloseOnExec(holdFD)
	err := become(os.Args[1])
	fmt.Fprint(os.NewFile(statusFD, "status"), err)
	os.Exit(1)
}

// become joins the cgroups, writes the pid file and executes the program; it returns only if that failed.
func become(request string) error {
	var s stage
	if err := json.Unmarshal([]byte(request), &s); err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	for _, cgroup := range s.Cgroups {
		if err := os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte("0"), 0o644); err != nil {
			return fmt.Errorf("join cgroup: %w", err)
		}
	}
	self, err := find(os.Getpid())
	if err != nil {
		return err
	}
	if err := writePIDFile(s.PIDFile, self); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	if err := syscall.Exec(s.Path, append([]string{s.Path}, s.Args...), os.Environ()); err != nil {
		return fmt.Errorf("execute %s: %w", s.Path, err)
	}
	return nil
}

// writePIDFile writes by renaming: a reader finds the whole file or none.
func writePIDFile(file string, p Process) error {
	content, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
