// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/muster-batch/muster/hack/faults/check"
	"github.com/muster-batch/muster/hack/faults/machines"
)

// plan is one job to submit, and what is to become of it.
type plan struct {
	submit    check.Submit
	in        batch.SubmitJobInput
	dependsOn []*plan
	nToN      *plan
	replays   int
	stop      func(ctx context.Context, api *batch.Client, id string) error
	stopAfter time.Duration
}

// jobs is how many it counts as.
func (p *plan) jobs() int { return max(p.submit.Children, 1) }

// plan makes all jobs, in the order in which they are submitted.
func (u *Users) plan() []plan {
	r := rand.New(rand.NewPCG(u.cfg.Seed, 1)) //nolint:gosec // it has to be the same again
	var plans []plan
	for jobs, runs := 0, 0; jobs < u.cfg.Jobs; {
		p := plan{submit: check.Submit{Invocation: newInvocation(r), Attempts: 1}}
		p.in.JobName = aws.String("job-" + strconv.Itoa(len(plans)))
		p.in.JobQueue = aws.String(queues[r.IntN(len(queues))].name)
		p.in.JobDefinition = aws.String(singleName)
		// Large arrays keep step with the jobs that are to run.
		if u.cfg.Large > 0 && jobs*u.cfg.Runs <= runs*u.cfg.Jobs {
			p.large(r, min(u.cfg.Jobs-jobs, u.cfg.Large))
		} else {
			p.draw(r)
			runs += p.jobs()
		}
		if p.submit.Nodes == 0 {
			p.wait(r, plans)
		}
		if r.IntN(100) < 15 {
			p.replays = 1 + r.IntN(2)
		}
		jobs += p.jobs()
		plans = append(plans, p)
	}
	return plans
}

// draw chooses what a job is that is to run.
func (p *plan) draw(r *rand.Rand) {
	switch n := r.IntN(100); {
	case n < 20:
		p.array(2 + r.IntN(11))
		p.submit.Sequential = r.IntN(4) == 0
	case n < 32:
		p.gang(2 + r.IntN(3))
	}
	if r.IntN(2) == 0 {
		p.submit.Attempts = 2 + r.IntN(3)
		p.in.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(int32(p.submit.Attempts))} //nolint:gosec // few
		if r.IntN(3) == 0 {
			p.in.RetryStrategy.EvaluateOnExit = []types.EvaluateOnExit{
				{OnExitCode: aws.String("42"), Action: types.RetryActionExit}, {OnReason: aws.String("*"), Action: types.RetryActionRetry},
			}
		}
	}
	switch n := r.IntN(100); {
	case n < 2 && p.submit.Nodes == 0 && p.submit.Children == 0:
		p.timeOut()
	case n < 14:
		p.end(r, 6*time.Second)
	}
}

func (p *plan) array(size int) {
	p.submit.Children = size
	p.in.ArrayProperties = &types.ArrayProperties{Size: aws.Int32(int32(size))} //nolint:gosec // at most 10,000
}

func (p *plan) gang(size int) {
	p.submit.Nodes = size
	p.in.JobQueue = aws.String(queues[0].name) // the other has Spot nodes only, where AWS Batch runs no gangs
	p.in.JobDefinition = aws.String(gangName)
	p.in.NodeOverrides = &types.NodeOverrides{NumNodes: aws.Int32(int32(size))} //nolint:gosec // few
}

// large is an array that is ended soon: most of its children never run.
func (p *plan) large(r *rand.Rand, size int) {
	p.array(max(size, 2))
	p.end(r, 4*time.Second)
}

// timeOut is a job that would run for an hour and may for a minute, the least that AWS Batch knows.
func (p *plan) timeOut() {
	p.submit.Stopped = true
	p.in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)}
	p.in.ContainerOverrides = &types.ContainerOverrides{Environment: []types.KeyValuePair{
		{Name: aws.String(machines.DurationVariable), Value: aws.String("1h")},
	}}
}

// end has the job cancelled or terminated after a while.
func (p *plan) end(r *rand.Rand, within time.Duration) {
	p.stopAfter = time.Duration(r.Int64N(int64(within)))
	if r.IntN(2) == 0 && p.submit.Children < 1000 {
		p.stop = func(ctx context.Context, api *batch.Client, id string) error {
			_, err := api.CancelJob(ctx, &batch.CancelJobInput{JobId: &id, Reason: aws.String("cancelled by the rig")})
			return err
		}
		return
	}
	p.stop = func(ctx context.Context, api *batch.Client, id string) error {
		_, err := api.TerminateJob(ctx, &batch.TerminateJobInput{JobId: &id, Reason: aws.String("terminated by the rig")})
		return err
	}
}
