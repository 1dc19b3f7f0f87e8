// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/muster-batch/muster/hack/localcluster/daemon"
)

// options are the flags.
type options struct {
	localcluster, programs, dir string
	seed                        uint64
	kills, jobs, large, runs    int
	within, settle, longest     time.Duration
	redisMiB                    int
	keep, keys                  bool
}

func main() {
	daemon.ExecIfAsked()
	var o options
	flag.StringVar(&o.localcluster, "localcluster", "bin/localcluster", "the program that brings the cluster up")
	flag.StringVar(&o.programs, "programs", "bin/race", "folder of queue-api, batch-scheduler and batch-autoscaler")
	flag.StringVar(&o.dir, "dir", "", "folder of data and logs, short; a new one by default")
	flag.Uint64Var(&o.seed, "seed", 0, "what everything follows from; 0 draws one")
	flag.IntVar(&o.kills, "kills", 200, "how often a process is killed")
	flag.IntVar(&o.jobs, "jobs", 1500, "how many jobs are submitted, children of arrays counted one by one")
	flag.IntVar(&o.large, "large", 0, "size of arrays that are ended before most of their children ran; 0 for none")
	flag.IntVar(&o.runs, "runs", 0, "with -large, how many of the jobs are to run")
	flag.DurationVar(&o.within, "within", 4*time.Minute, "how long the attack lasts")
	flag.DurationVar(&o.settle, "settle", 5*time.Minute, "how long everything may take to come to rest afterwards")
	flag.DurationVar(&o.longest, "longest", 6*time.Second, "how long a pod runs at most")
	flag.IntVar(&o.redisMiB, "redis-mib", 512, "size of the disk of Redis")
	flag.BoolVar(&o.keys, "keys", false, "lose entries of the store's indexes, too; else there must never be one that has to be repaired")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder also if all is well")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := attack(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

var errBroken = errors.New("promises were broken")
