// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"

	"github.com/muster-batch/muster/hack/faults/check"
)

// Config says how much there is to do.
type Config struct {
	API  string
	Seed uint64
	// Jobs is how many jobs are submitted, children counted one by one, in equal steps over Within.
	Jobs   int
	Within time.Duration
	// Large is how many children arrays have that are ended before most of them ran; none are submitted if it is 0.
	Large int
	// Runs is how many of the jobs may run, if Large is not 0.
	Runs int
}

// Users submit jobs and remember them.
type Users struct {
	api *batch.Client
	cfg Config

	mu       sync.Mutex // guards what follows
	submits  []*check.Submit
	refusals []string
	replays  int
	stops    int
}

// New makes users. The same seed makes the same jobs, with the same ids.
func New(cfg Config) *Users { return &Users{api: newAPI(cfg.API), cfg: cfg} }

// crowd is how many users there are: each waits for the answer before it submits the next job.
const crowd = 8

// Run submits all jobs.
func (u *Users) Run(ctx context.Context) {
	plans := u.plan()
	next := make(chan int)
	var working sync.WaitGroup
	for range crowd {
		working.Go(func() {
			for i := range next {
				u.carryOut(ctx, &plans[i])
			}
		})
	}
	begun := time.Now()
	for i := range plans {
		due := begun.Add(u.cfg.Within * time.Duration(i) / time.Duration(len(plans)))
		if !pause(ctx, time.Until(due)) {
			break
		}
		next <- i
	}
	close(next)
	working.Wait()
}

// carryOut submits a job, once more if the plan says so, and has it ended later if it says that.
func (u *Users) carryOut(ctx context.Context, p *plan) {
	in := u.resolve(p)
	s := &p.submit
	for range 1 + p.replays {
		err := insist(ctx, func(ctx context.Context) error {
			out, err := u.api.SubmitJob(withInvocation(ctx, s.Invocation), in)
			if err == nil {
				u.accepted(s, aws.ToString(out.JobId))
			}
			return err
		})
		if err != nil {
			u.refused(ctx, s.Invocation, err)
			return
		}
	}
	if p.stop == nil {
		return
	}
	u.mu.Lock()
	s.Stopped = true
	u.stops++
	u.mu.Unlock()
	if pause(ctx, p.stopAfter) {
		if err := insist(ctx, func(ctx context.Context) error { return p.stop(ctx, u.api, s.ID()) }); err != nil {
			u.refused(ctx, s.ID(), err)
		}
	}
}

func (u *Users) accepted(s *check.Submit, id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(s.JobIDs) == 0 {
		u.submits = append(u.submits, s)
	} else {
		u.replays++
	}
	s.JobIDs = append(s.JobIDs, id)
}

func (u *Users) refused(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refusals = append(u.refusals, fmt.Sprintf("a client was refused %s: %v", what, err))
}

// Submits are the jobs that were accepted, and Refusals what should not have been refused.
func (u *Users) Submits() (submits []check.Submit, refusals []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.submits {
		submits = append(submits, *s)
	}
	return submits, slices.Clone(u.refusals)
}

// Figures are how many submits were repeated and how many jobs someone asked to end.
func (u *Users) Figures() (replays, stops int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.replays, u.stops
}

// newInvocation is an id as the SDK's, of the seed.
func newInvocation(r *rand.Rand) string {
	var b [16]byte
	for i := range b {
		b[i] = byte(r.UintN(256))
	}
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
