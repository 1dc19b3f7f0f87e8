// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package docs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The checkout, the programs that it builds, and the clusters. A cluster comes up when a page needs it.
var (
	root, programs string
	// cache is where clusters and built tools are kept.
	cache string
	labs  map[string]*lab
)

// localcluster is the program that works on the clusters.
func localcluster() string { return filepath.Join(programs, "localcluster") }

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// run builds what pages use, runs the tests and takes down what is up.
func run(m *testing.M) (code int, err error) {
	if os.Geteuid() != 0 {
		return 1, errors.New("not root: the containers that pages start need it")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if root, err = filepath.Abs("../.."); err != nil {
		return 1, err
	}
	if cache = os.Getenv("MUSTER_CACHE"); cache == "" {
		if cache, err = os.UserCacheDir(); err != nil {
			return 1, fmt.Errorf("find cache folder (MUSTER_CACHE names one): %w", err)
		}
	}
	programs = filepath.Join(root, "bin")
	for _, target := range []string{"hack-build", "build"} {
		if output, err := exec.CommandContext(ctx, "make", "-C", root, target).CombinedOutput(); err != nil {
			return 1, fmt.Errorf("make %s: %w:\n%s", target, err, output)
		}
	}
	labs = newLabs(filepath.Join(cache, "muster", "docs"), localcluster(), root)
	for _, l := range labs {
		if err := l.stop(localcluster()); err != nil {
			return 1, err
		}
		dismiss, err := l.guard(localcluster())
		if err != nil {
			return 1, err
		}
		defer dismiss()
	}
	defer func() {
		for _, l := range labs {
			err = errors.Join(err, l.stop(localcluster()))
		}
	}()
	done := make(chan int, 1)
	go func() { done <- m.Run() }()
	select {
	case code = <-done:
		return code, nil
	case <-ctx.Done():
		return 130, errors.New("interrupted")
	}
}

// goEnv is where go keeps something: pages have a home of their own.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(value))
}
