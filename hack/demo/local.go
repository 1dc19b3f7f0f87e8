// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// local is the localcluster program and the cluster's folder.
type local struct {
	program, dir string
}

// environment is what localcluster env says.
type environment map[string]string

// simulated reports whether nodes only pretend.
func (e environment) simulated() bool { return e["MUSTER_NODES"] == "kwok" }

func (l local) command(ctx context.Context, args ...string) *exec.Cmd {
	if l.dir != "" {
		args = append([]string{"--dir", l.dir}, args...)
	}
	cmd := exec.CommandContext(ctx, l.program, args...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// up brings the cluster up, showing localcluster's own progress.
func (l local) up(ctx context.Context, args []string) error {
	if err := l.command(ctx, append([]string{"up"}, args...)...).Run(); err != nil {
		return fmt.Errorf("bring the cluster up: %w", err)
	}
	return nil
}

func (l local) env(ctx context.Context) (environment, error) {
	var env environment
	return env, l.ask(ctx, &env, "env", "--json")
}

// launchTime is when the fleet was asked for the instance; zero for one that the fleet does not know.
func (l local) launchTime(ctx context.Context, instance string) (time.Time, error) {
	var status struct {
		Instances []struct {
			InstanceID string    `json:"instanceId"`
			LaunchedAt time.Time `json:"launchedAt"`
		} `json:"instances"`
	}
	if err := l.ask(ctx, &status, "status", "--json"); err != nil {
		return time.Time{}, err
	}
	for _, known := range status.Instances {
		if known.InstanceID == instance {
			return known.LaunchedAt, nil
		}
	}
	return time.Time{}, nil
}

func (l local) ask(ctx context.Context, answer any, args ...string) error {
	output, err := l.command(ctx, args...).Output()
	if err != nil {
		return fmt.Errorf("localcluster %s: %w", args[0], err)
	}
	if err := json.Unmarshal(output, answer); err != nil {
		return fmt.Errorf("read answer of localcluster %s: %w", args[0], err)
	}
	return nil
}
