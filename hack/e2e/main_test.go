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

// The clusters that tests share: local is on nodes of this machine's own and up before any test, cloud is on a fake EC2 and
// comes up when a test needs it.
var (
	local *cluster
	cloud *cloudCluster
)

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

// run brings the first cluster up, runs the tests and takes what is up down, however they end.
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
	down, err := prepare(ctx, dir, lock)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, down()) }()
	if err := local.up(ctx); err != nil {
		return 1, errors.Join(err, ctx.Err())
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ended:
		case <-ctx.Done():
			fmt.Fprintln(os.Stderr, "e2e: interrupted; taking the clusters down")
			_ = down()
			os.Exit(130)
		}
	}()
	if code = m.Run(); code == 0 {
		err = errors.Join(local.awaitEmpty(ctx, long), cloud.awaitEmpty(ctx, long))
	}
	if code != 0 || err != nil {
		local.printLogs(os.Stderr)
		if cloud.isUp() {
			cloud.printLogs(os.Stderr)
		}
	}
	return code, err
}

// prepare makes both clusters, neither of them up yet, and a guardian for each. The function returned takes them down.
func prepare(ctx context.Context, dir string, lock *os.File) (down func() error, err error) {
	program := filepath.Join(dir, "localcluster")
	if err := buildLocalcluster(ctx, program); err != nil {
		return nil, err
	}
	if local, err = newLocal(dir, program); err != nil {
		return nil, err
	}
	if cloud, err = newCloud(dir+"-ec2", program); err != nil {
		return nil, err
	}
	dismissLocal, err := local.guard(lock)
	if err != nil {
		return nil, err
	}
	dismissCloud, err := cloud.guard(lock)
	if err != nil {
		dismissLocal()
		return nil, err
	}
	return sync.OnceValue(func() error {
		defer dismissLocal()
		defer dismissCloud()
		return errors.Join(local.down(), cloud.down())
	}), nil
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
