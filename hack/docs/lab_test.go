// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package docs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lab is a local cluster that pages are played on.
type lab struct {
	name string
	dir  string
	// portBase is the first of its ports.
	portBase int
	// up brings it up.
	up []string
	// env is what localcluster env prints; nil until it is up.
	env map[string]string
}

// Ports that pages name, counted from the base of a local cluster: a reader has the default ones, a lab has others.
var (
	defaultBase  = 16440
	wellKnown    = map[int]int{8080: 10, 8081: 11, 10359: 12, 8085: 13}
	offsetsNamed = []int{3, 4, 6, 7, 14}
)

// newLabs are the clusters in folders under dir. program is the localcluster.
func newLabs(dir, program, root string) map[string]*lab {
	up := func(args ...string) []string { return append([]string{program, "up", "--source=" + root}, args...) }
	labs := map[string]*lab{
		clusterDemo: {portBase: 17740, up: []string{"make", "--no-print-directory", "-C", root, "demo"}},
		clusterEC2:  {portBase: 17840, up: up("--nodes=kwok", "--fleet=ec2")},
		clusterBare: {portBase: 17940, up: up("--nodes=none", "--without-programs")},
	}
	for name, l := range labs {
		l.name, l.dir = name, filepath.Join(dir, name)
	}
	return labs
}

// environ is the environment of what works on the lab.
func (l *lab) environ() []string {
	env := append(os.Environ(), "MUSTER_DIR="+l.dir, "MUSTER_PORT_BASE="+strconv.Itoa(l.portBase), "MUSTER_LISTEN=", "AWS_PAGER=",
		"AWS_EC2_METADATA_DISABLED=true", "NO_COLOR=1")
	for key, value := range l.env {
		if key != "MUSTER_DIR" {
			env = append(env, key+"="+value)
		}
	}
	return env
}

// start brings the lab up.
func (l *lab) start(ctx context.Context, program string) error {
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return err
	}
	if err := l.takePrograms(); err != nil {
		return err
	}
	if _, err := l.command(ctx, l.up...); err != nil {
		return fmt.Errorf("bring up the cluster %s: %w", l.name, err)
	}
	printed, err := l.command(ctx, program, "env", "--json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(printed, &l.env); err != nil {
		return fmt.Errorf("read localcluster's env: %w", err)
	}
	if l.name != clusterBare {
		return nil
	}
	// localcluster's own form of these is in the way of one who installs them.
	_, err = l.command(ctx, l.env["MUSTER_KUBECTL"], "delete", "--all", "validatingadmissionpolicies,validatingadmissionpolicybindings")
	return err
}

// takePrograms saves the lab from linking once more what make build has linked: go finds that it is up to date.
func (l *lab) takePrograms() error {
	to := filepath.Join(l.dir, "bin")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"queue-api", "batch-scheduler", "batch-autoscaler"} {
		if err := os.Remove(filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Link(filepath.Join(programs, name), filepath.Join(to, name)); err != nil && !errors.Is(err, syscall.EXDEV) {
			return err
		}
	}
	return nil
}

func (l *lab) stop(program string) error {
	if _, err := os.Stat(l.dir); errors.Is(err, fs.ErrNotExist) { // it never was
		return nil
	}
	_, err := l.command(context.Background(), program, "down")
	return err
}

// command runs a program for the lab and returns what it prints.
func (l *lab) command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = l.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var messages strings.Builder
	cmd.Stderr = &messages
	printed, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w:\n%s", filepath.Base(args[0]), errors.Join(err, ctx.Err()), messages.String())
	}
	return printed, nil
}

// guard starts a process that takes the lab down when this one is gone, however it went.
func (l *lab) guard(program string) (dismiss func(), err error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	cmd := exec.Command("/bin/sh", "-c", `cat; exec "$0" --dir "$1" down >/dev/null 2>&1`, program, l.dir)
	cmd.Stdin = reader
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		writer.Close()
		return nil, fmt.Errorf("start guardian: %w", err)
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		writer.Close()
	}, nil
}

// here puts the lab's own ports where a page has the default ones.
func (l *lab) here(text string) string {
	var pairs []string
	for port, offset := range wellKnown {
		pairs = append(pairs, fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", l.portBase+offset))
	}
	for _, offset := range offsetsNamed {
		pairs = append(pairs, fmt.Sprintf("127.0.0.1:%d", defaultBase+offset), fmt.Sprintf("127.0.0.1:%d", l.portBase+offset))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
