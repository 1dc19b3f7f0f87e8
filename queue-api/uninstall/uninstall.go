// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/client"
)

// Jobs says what becomes of jobs that have not ended.
type Jobs string

// The ways.
const (
	Terminate Jobs = "terminate" // as AWS Batch does with those of a deleted queue
	Wait      Jobs = "wait"      // until they have ended by themselves
)

// Config configures an Uninstaller.
type Config struct {
	// API is the Batch API; nil in a cluster whose queue-api is elsewhere: who looks after that deletes its environments.
	API     API
	Kube    typedcorev1.CoreV1Interface
	Cluster Cluster
	// Namespace is that of the programs.
	Namespace string
	Jobs      Jobs
	// Force goes on where something cannot be waited for: pods are freed whatever is left of instances.
	Force bool
	// Poll is the time between two looks. 2 seconds if zero.
	Poll time.Duration
	// Grace is how long queue-api is given to settle and delete the last pods itself. A minute if zero.
	Grace time.Duration
	Out   io.Writer // is told what is waited for
	Clock clock.Clock
}

// Uninstaller makes an installation fit to be deleted. It is used once.
type Uninstaller struct {
	cfg  Config
	told string // the last line
}

// New makes an Uninstaller.
func New(cfg Config) *Uninstaller {
	cfg.Poll, cfg.Grace, cfg.Jobs = cmp.Or(cfg.Poll, 2*time.Second), cmp.Or(cfg.Grace, time.Minute), cmp.Or(cfg.Jobs, Terminate)
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	return &Uninstaller{cfg: cfg}
}

// Run returns once no job, no node and no pod is left, or with an error that says what is. limit is how long jobs and nodes are
// waited for; pods are freed after that, too, with Force.
func (u *Uninstaller) Run(ctx context.Context, limit time.Duration) error {
	within, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	err := u.giveBack(within)
	cancel()
	if err != nil && !u.cfg.Force {
		return err
	}
	if err != nil {
		u.tell("Going on: %v", err)
	}
	return u.freePods(ctx)
}

// giveBack ends jobs and nodes.
func (u *Uninstaller) giveBack(ctx context.Context) error {
	if u.cfg.API != nil {
		if done, err := u.leaveAll(ctx); done || err != nil {
			return err
		}
	}
	return u.awaitNoInstances(ctx)
}

// leaveAll deletes all queues and environments. It is done with everything if nobody answers and nothing is there.
func (u *Uninstaller) leaveAll(ctx context.Context) (done bool, err error) {
	for {
		left, err := u.leave(ctx)
		switch {
		case client.IsDenied(err):
			return false, fmt.Errorf("delete queues and environments: %w", err)
		case errors.Is(err, client.ErrUnreachable):
			if none, noneErr := u.hasNothing(ctx); none {
				u.tell("The Batch API does not answer, and nothing of it is in this cluster")
				return true, nil
			} else if noneErr != nil {
				err = errors.Join(err, noneErr)
			}
			u.tell("Waiting: %v", err)
		case err != nil:
			u.tell("Trying again: %v", err)
		case left.none():
			return false, nil
		case len(left.waits) > 0:
			u.tell("Waiting for the jobs of %s", strings.Join(left.waits, ", "))
		default:
			u.tell("Waiting for %d queues and %d environments to be deleted", left.queues, left.environments)
		}
		if err := u.pause(ctx); err != nil {
			return false, fmt.Errorf("delete queues and environments: %w; %s", err, u.told)
		}
	}
}

// pause waits for the next look.
func (u *Uninstaller) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-u.cfg.Clock.After(u.cfg.Poll):
		return nil
	}
}

// tell says what is waited for, once.
func (u *Uninstaller) tell(format string, args ...any) {
	line := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	if line != u.told {
		u.told = line
		fmt.Fprintln(u.cfg.Out, line)
	}
}
