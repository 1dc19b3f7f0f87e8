// SPDX-License-Identifier: Apache-2.0

// Command api measures what the Batch API must reach: queue-api and redis-server run as processes of their own, with
// durability fsync, and are asked over HTTP; where HTTP is not the question the store is asked directly, as the dispatcher
// does. Each figure is printed beside its bound, and the program fails when one is missed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"
)

// bench is one run.
type bench struct {
	queueAPI string
	jobs     int // queued when the large figures are taken
	clients  int
	rounds   int // of each rate, in turn with its reference
	perRound int
	dir      string
	redis    *redisServer
	api      *apiServer
	figures  []figure
}

func main() {
	b := &bench{}
	flag.StringVar(&b.queueAPI, "queue-api", "bin/queue-api", "The program to measure.")
	flag.IntVar(&b.jobs, "jobs", 1_000_000, "Jobs queued when the large figures are taken.")
	flag.IntVar(&b.clients, "clients", 32, "Clients that submit at once.")
	flag.IntVar(&b.rounds, "rounds", 5, "Rounds of SubmitJob, in turn with redis-benchmark.")
	flag.IntVar(&b.perRound, "per-round", 25_000, "Submissions in a round.")
	flag.Parse()
	if err := b.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench api:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "muster-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.redis, err = startRedis(ctx, b.dir); err != nil {
		return err
	}
	defer b.redis.stop()
	if b.api, err = b.startAPI(ctx); err != nil {
		return err
	}
	defer func() { b.api.stop() }()
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"set up", b.setUp},
		{"SubmitJob", b.submitJob},
		{"arrays", b.arrays},
		{"fill", b.fill},
		{"reads", b.reads},
		{"paint", b.paint},
		{"admission", b.admission},
		{"order", b.order},
		{"live", b.live},
		{"restart", b.restart},
	} {
		began := time.Now()
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintf(os.Stderr, "# %s took %s\n", part.name, time.Since(began).Round(time.Second))
	}
	return b.report()
}
