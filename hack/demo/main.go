// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/muster-batch/muster/hack/localcluster/progress"
)

func main() {
	localcluster := flag.String("localcluster", "bin/localcluster", "the localcluster program")
	dir := flag.String("dir", "", "the cluster's folder; empty for localcluster's default")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, local{program: *localcluster, dir: *dir}, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run is the whole demo; upArgs are further arguments of localcluster up.
func run(ctx context.Context, cluster local, upArgs []string) error {
	started := time.Now()
	if err := cluster.up(ctx, upArgs); err != nil {
		return err
	}
	env, err := cluster.env(ctx)
	if err != nil {
		return err
	}
	board := progress.New(os.Stderr)
	ended := board.Run()
	seen, err := show(ctx, board, cluster, env, started)
	ended()
	if err != nil {
		return err
	}
	seen.whole = time.Since(started)
	return seen.print(os.Stdout, env)
}

// show creates what jobs need, follows a first one and lets an array and a gang follow; on EC2 it also sees the nodes go. What
// it returns is all there is to tell.
func show(ctx context.Context, board *progress.Board, cluster local, env environment, started time.Time) (*story, error) {
	user := newUser(env)
	err := board.Do("environment and queue", func(line *progress.Step) error {
		line.Note("%s", name)
		return user.prepare(ctx)
	})
	if err != nil {
		return nil, err
	}
	watcher, err := newWatcher(ctx, env)
	if err != nil {
		return nil, err
	}
	var seen *story
	err = board.Do("first job", func(line *progress.Step) error {
		job, err := user.submit(ctx)
		if err != nil {
			return err
		}
		seen, err = follow(ctx, board, line, user, watcher, cluster, job)
		return err
	})
	if err != nil {
		return nil, err
	}
	seen.total = time.Since(started)
	for _, next := range []struct {
		what string
		run  func(*progress.Step) (encore, error)
	}{
		{"array", func(line *progress.Step) (encore, error) { return runArray(ctx, line, user) }},
		{"gang", func(line *progress.Step) (encore, error) { return runGang(ctx, line, user, watcher) }},
	} {
		err := board.Do(next.what, func(line *progress.Step) error {
			told, err := next.run(line)
			seen.encores = append(seen.encores, told)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if ec2 := (cloud{endpoint: env["MUSTER_EC2_ENDPOINT"]}); ec2.endpoint != "" {
		err := board.Do("back to no nodes", func(line *progress.Step) error {
			seen.bill, err = ec2.awaitZero(ctx, line, watcher)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return seen, nil
}
