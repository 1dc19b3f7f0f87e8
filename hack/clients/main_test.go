// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// portBase lies beside the ports of a demo and of the end-to-end tests.
const portBase = "17540"

var (
	// endpoint is where the Batch API is served.
	endpoint string
	// jsDriver is the JavaScript client's program, beside the SDK that npm installed.
	jsDriver string
	// musterPath is our own command line, built for the tests.
	musterPath string
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// run brings up a cluster and the SDK for JavaScript, runs the tests and takes the cluster down.
func run(m *testing.M) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir := filepath.Join(os.TempDir(), "muster-clients")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 1, err
	}
	if err := installJS(ctx, dir); err != nil {
		return 1, err
	}
	program := filepath.Join(dir, "localcluster")
	if err := command(ctx, "", "go", "build", "-tags", "kwok", "-o", program, "github.com/muster-batch/muster/hack/localcluster"); err != nil {
		return 1, err
	}
	musterPath = filepath.Join(dir, "muster")
	if err := command(ctx, "", "go", "build", "-tags", "kwok", "-o", musterPath, "github.com/muster-batch/muster/queue-api/cmd/muster"); err != nil {
		return 1, err
	}
	down := func() error { return command(context.Background(), "", program, "--dir", dir, "down") }
	if err := down(); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, down()) }()
	root, err := filepath.Abs("../..")
	if err != nil {
		return 1, err
	}
	if err := command(ctx, "", program, "--dir", dir, "up", "--nodes=kwok", "--source="+root, "--port-base="+portBase,
		"--set", "batch-autoscaler=--scale-down-delay=5s", "--set", "queue-api=-v=2"); err != nil {
		return 1, err
	}
	printed, err := exec.CommandContext(ctx, program, "--dir", dir, "env", "--json").Output()
	if err != nil {
		return 1, err
	}
	env := map[string]string{}
	if err := json.Unmarshal(printed, &env); err != nil {
		return 1, err
	}
	endpoint = env["MUSTER_ENDPOINT"]
	return m.Run(), nil
}

// installJS installs the SDK for JavaScript beside a copy of its driver.
func installJS(ctx context.Context, dir string) error {
	js := filepath.Join(dir, "js")
	if err := os.MkdirAll(js, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json", "driver.mjs"} {
		text, err := os.ReadFile(filepath.Join("testdata", "js", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(js, name), text, 0o600); err != nil {
			return err
		}
	}
	jsDriver = filepath.Join(js, "driver.mjs")
	return command(ctx, js, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefer-offline", "--fetch-retries=5")
}

// command runs a program; the error holds what it printed.
func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w:\n%s", filepath.Base(name), args, err, output)
	}
	return nil
}
