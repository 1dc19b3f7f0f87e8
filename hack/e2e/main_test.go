// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// local is the cluster that all tests share.
var local *cluster

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// parallelTests is how many tests run side by side unless -parallel says otherwise. They wait for nodes and clocks much
// more than they compute.
const parallelTests = "16"

// run brings the cluster up, runs the tests and takes it down, however they end.
func run(m *testing.M) (code int, err error) {
	if err := checkMachine(); err != nil {
		return 1, err
	}
	if !isSet("test.parallel") {
		if err := flag.Set("test.parallel", parallelTests); err != nil {
			return 1, err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := suiteFolder()
	if err != nil {
		return 1, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return 1, err
	}
	defer lock.Close()
	c, err := newCluster(ctx, dir)
	if err != nil {
		return 1, err
	}
	dismiss, err := c.guard(lock)
	if err != nil {
		return 1, err
	}
	down := sync.OnceValue(func() error {
		defer dismiss()
		return c.down()
	})
	defer func() { err = errors.Join(err, down()) }()
	if err := c.up(ctx); err != nil {
		return 1, errors.Join(err, ctx.Err())
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ended:
		case <-ctx.Done():
			fmt.Fprintln(os.Stderr, "e2e: interrupted; taking the cluster down")
			_ = down()
			os.Exit(130)
		}
	}()
	local = c
	if code = m.Run(); code == 0 {
		err = c.awaitEmpty(ctx, long)
	}
	if code != 0 || err != nil {
		c.printLogs(os.Stderr)
	}
	return code, err
}

// checkMachine tells what the suite needs and this machine lacks.
func checkMachine() error {
	var missing []error
	if os.Geteuid() != 0 {
		missing = append(missing, errors.New("not root: containers need it"))
	}
	for _, name := range []string{"containerd", "runc", "redis-server", "/bin/busybox", awsCLI, python} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, err)
		}
	}
	if output, err := exec.Command(python, "-c", "import boto3").CombinedOutput(); err != nil {
		missing = append(missing, fmt.Errorf("%s: %w: %s", python, err, output))
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("this machine cannot run the suite (\"go run ./hack/localcluster packages\" installs Debian packages):\n%w", errors.Join(missing...))
}

func isSet(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// suiteFolder is always the same, so that what is left of a run that lost even its guardian is found by the next.
func suiteFolder() (string, error) {
	cache := os.Getenv("MUSTER_CACHE")
	if cache == "" {
		var err error
		if cache, err = os.UserCacheDir(); err != nil {
			return "", fmt.Errorf("find cache folder (MUSTER_CACHE names one): %w", err)
		}
	}
	dir := filepath.Join(cache, "muster", "e2e")
	return dir, os.MkdirAll(dir, 0o755)
}

// lockFolder waits for another run of the suite on this machine, and for its guardian.
func lockFolder(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "suite.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return lock, nil
	}
	fmt.Fprintln(os.Stderr, "e2e: waiting for another run in", dir)
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
		if err == nil {
			return lock, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			lock.Close()
			return nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
		}
	}
}
