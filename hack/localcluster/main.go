// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
	"github.com/muster-batch/muster/hack/localcluster/fleet"
)

func main() {
	daemon.ExecIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "localcluster:", err)
	if errors.Is(err, fleet.ErrOutOfCapacity) {
		os.Exit(fleet.ExitOutOfCapacity)
	}
	os.Exit(1)
}

// verbs are what can be asked for, each with its own arguments.
var verbs = map[string]func(context.Context, paths, []string) error{
	"build":    runBuild,
	"down":     runDown,
	"env":      runEnv,
	"fleet":    runFleet,
	"kill":     runKill,
	"packages": runPackages,
	"start":    runStart,
	"status":   runStatus,
	"stop":     runStop,
	"up":       runUp,
	"which":    runWhich,
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("localcluster", flag.ContinueOnError)
	dir := flags.String("dir", cmp.Or(os.Getenv("MUSTER_DIR"), filepath.Join(cacheDir(), "local")), "the cluster's folder (MUSTER_DIR)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	verb, found := verbs[flags.Arg(0)]
	if !found {
		names := make([]string, 0, len(verbs))
		for name := range verbs {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Errorf("no verb %q: one of %s", flags.Arg(0), strings.Join(names, ", "))
	}
	at, err := pathsOf(*dir)
	if err != nil {
		return err
	}
	return verb(ctx, at, flags.Args()[1:])
}

// cacheDir is where clusters and built tools are kept, outside of any checkout.
func cacheDir() string {
	if dir := os.Getenv("MUSTER_CACHE"); dir != "" {
		return filepath.Join(dir, "muster")
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir() // No home: whatever is built is built for this boot.
	}
	return filepath.Join(dir, "muster")
}

// toolCache is the folder of built tools.
func toolCache() string { return filepath.Join(cacheDir(), "bin") }
