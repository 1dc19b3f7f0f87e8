// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/muster-batch/muster/hack/faults/check"
	"github.com/muster-batch/muster/hack/faults/machines"
	"github.com/muster-batch/muster/hack/faults/nemesis"
	"github.com/muster-batch/muster/hack/faults/stack"
	"github.com/muster-batch/muster/hack/faults/workload"
)

// rig is everything that takes part.
type rig struct {
	options

	log     *os.File // what was done
	ledger  *check.Ledger
	fleet   *machines.Fleet
	stack   *stack.Stack
	users   *workload.Users
	nemesis *nemesis.Nemesis
	outbox  *outbox
	begun   time.Time
	settled time.Duration // how long it took
}

// attack is one run.
func attack(ctx context.Context, o options) (err error) {
	if o.seed == 0 {
		o.seed = rand.Uint64() //nolint:gosec // it is printed
	}
	if o.programs, err = filepath.Abs(o.programs); err != nil { // they are started in folders of their own
		return err
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "faults-"); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stdout, "faults: seed %d, %d kills and %d jobs within %v; what happens is told in %s\n", o.seed, o.kills, o.jobs, o.within, o.dir)
	r := &rig{options: o, begun: time.Now()}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() {
		down := r.down(context.WithoutCancel(ctx), cancel, &running)
		err = errors.Join(err, down)
		if err == nil && !o.keep {
			err = os.RemoveAll(o.dir)
		}
	}()
	if err := r.up(ctx, &running); err != nil {
		return err
	}
	return r.play(ctx)
}

// up starts everything.
func (r *rig) up(ctx context.Context, running *sync.WaitGroup) (err error) {
	if r.log, err = os.Create(filepath.Join(r.dir, "attack.log")); err != nil {
		return err
	}
	klog.SetLogger(textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(r.log))))
	if r.ledger, err = check.OpenLedger(r.ledgerFile()); err != nil {
		return err
	}
	r.fleet, err = machines.New(machines.Config{
		Cluster: stack.EKSCluster, Queue: stack.InterruptionQueue, Seed: r.seed, Ledger: r.ledger,
		Plan: machines.Plan{Seed: r.seed, Longest: r.longest},
	})
	if err != nil {
		return err
	}
	r.stack, err = stack.Up(ctx, stack.Config{
		Dir: r.dir, Localcluster: r.localcluster, Programs: r.programs, Replicas: 2, RedisMiB: r.redisMiB, EC2: r.fleet.Address(), Log: r.log,
	})
	if err != nil {
		return err
	}
	if err := r.fleet.Join(ctx, r.stack.Kubeconfig); err != nil {
		return err
	}
	running.Go(func() {
		if err := r.fleet.Run(ctx); err != nil {
			klog.FromContext(ctx).Error(err, "Machines ended")
		}
	})
	r.users = workload.New(workload.Config{API: r.stack.API, Seed: r.seed, Jobs: r.jobs, Within: r.within, Large: r.large, Runs: r.runs})
	if r.outbox, err = newOutbox(r.stack.Redis); err != nil {
		return err
	}
	harm := nemesis.Config{Seed: r.seed, Kills: r.kills, Within: r.within, Calm: min(30*time.Second, r.within/4), Log: r.log}
	if r.keys {
		harm.Redis = r.outbox.client
	}
	r.nemesis = nemesis.New(r.stack, r.fleet, harm)
	running.Go(func() { r.outbox.run(ctx) })
	prepare, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := r.users.Prepare(prepare, stack.Namespace, r.fleet.Limit); err != nil {
		for _, p := range r.stack.Processes {
			r.say(p.Trouble())
		}
		return err
	}
	return nil
}

// play attacks while the users work, waits until all is at rest, and checks.
func (r *rig) play(ctx context.Context) error {
	r.say("attack begins")
	var playing sync.WaitGroup
	playing.Go(func() { r.users.Run(ctx) })
	playing.Go(func() { r.nemesis.Run(ctx) })
	telling, told := context.WithCancel(ctx)
	go r.tell(telling)
	playing.Wait()
	told()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.say("attack is over")
	calm := time.Now()
	rest, cancel := context.WithTimeout(ctx, r.settle)
	defer cancel()
	atRest := r.await(rest)
	r.settled = time.Since(calm)
	r.say(fmt.Sprintf("at rest after %v: %v", r.settled.Round(time.Second), atRest))
	w, err := r.world(ctx)
	if err != nil {
		return errors.Join(atRest, err)
	}
	if r.report(check.Check(w), w) > 0 {
		return fmt.Errorf("%w: replay with -seed=%d; %s has the logs", errBroken, r.seed, r.dir)
	}
	return atRest
}

// tell says once in a while how far everything is.
func (r *rig) tell(ctx context.Context) {
	for pause(ctx, r.within/12) {
		submits, _ := r.users.Submits()
		jobs := 0
		for i := range submits {
			jobs += max(submits[i].Children, 1)
		}
		fmt.Fprintf(os.Stdout, "%v: %d kills, %d jobs accepted\n", time.Since(r.begun).Round(time.Second), r.nemesis.Figures()["kill"], jobs)
	}
}

// down ends everything.
func (r *rig) down(ctx context.Context, cancel context.CancelFunc, running *sync.WaitGroup) error {
	cancel()
	running.Wait()
	var err error
	if r.stack != nil {
		err = r.stack.Down(ctx)
	}
	if r.ledger != nil {
		err = errors.Join(err, r.ledger.Close(), r.log.Close())
	}
	return err
}

func (r *rig) ledgerFile() string { return filepath.Join(r.dir, "ledger.jsonl") }

// say writes a line in the log of the attack.
func (r *rig) say(text string) {
	fmt.Fprintf(r.log, "%s %s\n", time.Now().UTC().Format("15:04:05.000"), text)
}
