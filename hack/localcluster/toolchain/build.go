// SPDX-License-Identifier: Apache-2.0

package toolchain

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/muster-batch/muster/hack/localcluster/flock"
)

// Report is told what a build is at.
type Report func(format string, args ...any)

// Build builds a tool's programs, unless they are there. Others that build the same tool wait for one another.
func (t Toolchain) Build(ctx context.Context, tool Tool, report Report) error {
	if t.IsBuilt(tool) {
		report("%s", t.Version(tool))
		return nil
	}
	if t.Version(tool) == unknown {
		return fmt.Errorf("%s has no version in %s", tool.Name, t.module(tool))
	}
	lock, err := flock.Lock(filepath.Join(t.Cache, tool.Name+".lock"), func() { report("another build is under way") })
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, p := range tool.programs {
		if err := t.buildProgram(ctx, tool, p, report); err != nil {
			return fmt.Errorf("build %s: %w", p.name, err)
		}
	}
	report("%s", t.Version(tool))
	return nil
}

// buildProgram builds beside the final place and renames: what stands there is whole.
func (t Toolchain) buildProgram(ctx context.Context, tool Tool, p program, report Report) error {
	final := t.Binary(tool, p.name)
	if _, err := os.Stat(final); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	flags := "-s -w"
	if tool.stamp != "" {
		flags += " -X " + tool.stamp + "=" + t.Version(tool)
	}
	args := []string{"build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", final + ".new", p.pkg}
	cmd := goCommand(ctx, t.module(tool), args...)
	if tool.static {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	}
	if err := runGo(cmd, prefixed(report, p.name)); err != nil {
		return err
	}
	return os.Rename(final+".new", final)
}

// Program is one of this repository's own programs: its main package, below the root.
type Program string

// The programs.
const (
	QueueAPI   Program = "queue-api/cmd/queue-api"
	Scheduler  Program = "plugins/cmd/batch-scheduler"
	Autoscaler Program = "autoscaler/cmd/batch-autoscaler"
	EC2Fake    Program = "hack/ec2fake"
)

// Name is the program's name.
func (p Program) Name() string { return path.Base(string(p)) }

// BuildPrograms builds programs of this repository into dir, each time: the go command knows what is up to date.
func (t Toolchain) BuildPrograms(ctx context.Context, dir string, programs []Program, report Report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	// kwok keeps cluster-autoscaler from linking every cloud provider there is.
	args := []string{"build", "-v", "-tags", "kwok", "-o", dir + "/"}
	for _, p := range programs {
		args = append(args, "./"+string(p))
	}
	return runGo(goCommand(ctx, t.Source, args...), report)
}

// goCommand is a go command that works on its own module only and ends with this process.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// runGo runs a go command with -v, telling of each package it finishes. Its error holds what the command printed last.
func runGo(cmd *exec.Cmd, report Report) error {
	output, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var last []string
	packages := 0
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := lines.Text()
		last = append(last[max(0, len(last)-20):], line)
		if isPackage(line) {
			packages++
			report("%d packages, %s", packages, line)
		}
	}
	_, _ = io.Copy(io.Discard, output) // A line too long for the scanner must not block the command.
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w:\n%s", err, strings.Join(last, "\n"))
	}
	return nil
}

// isPackage tells the import paths that -v prints from messages.
func isPackage(line string) bool {
	return line != "" && !strings.ContainsAny(line, " \t#:")
}

func prefixed(report Report, name string) Report {
	return func(format string, args ...any) { report("%s: %s", name, fmt.Sprintf(format, args...)) }
}
