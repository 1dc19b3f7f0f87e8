// SPDX-License-Identifier: Apache-2.0

//go:build integration && crashpoints

package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// expected is an acknowledged job and what must become of it.
type expected struct {
	id       string
	want     []types.JobStatus
	attempts int // exactly so many; any number if negative
	children int
}

// workload is what a case asks of the API, and was told.
type workload struct {
	*world

	ctx  context.Context
	rng  *rand.Rand // of the case's goroutine alone
	work sync.WaitGroup
	// forgets: what has ended is forgotten at once, all of it.
	forgets bool

	mu   sync.Mutex // guards what follows
	jobs []expected
	errs []error
}

var (
	succeeds = []types.JobStatus{types.JobStatusSucceeded}
	fails    = []types.JobStatus{types.JobStatusFailed}
	ends     = []types.JobStatus{types.JobStatusSucceeded, types.JobStatusFailed}
)

// does runs what asks something of the API, and notes its error.
func (l *workload) does(what string, f func() error) {
	l.work.Go(func() {
		if err := f(); err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.errs = append(l.errs, fmt.Errorf("%s: %w", what, err))
		}
	})
}

// submit submits a job and remembers what must become of it once it is acknowledged.
func (l *workload) submit(in *sdk.SubmitJobInput, want []types.JobStatus, attempts int) (id string, err error) {
	if in.JobQueue == nil {
		in.JobQueue = aws.String(environmentMain)
	}
	if in.JobName == nil {
		in.JobName = aws.String("j")
	}
	out, err := l.api.SubmitJob(l.ctx, in)
	if err != nil {
		return "", err
	}
	e := expected{id: aws.ToString(out.JobId), want: want, attempts: attempts}
	if in.ArrayProperties != nil {
		e.children = int(aws.ToInt32(in.ArrayProperties.Size))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jobs = append(l.jobs, e)
	return e.id, nil
}

func of(definition string) *sdk.SubmitJobInput {
	return &sdk.SubmitJobInput{JobDefinition: &definition}
}

func retried(in *sdk.SubmitJobInput, attempts int32) *sdk.SubmitJobInput {
	in.RetryStrategy = &types.RetryStrategy{Attempts: &attempts}
	return in
}

func array(in *sdk.SubmitJobInput, size int32) *sdk.SubmitJobInput {
	in.ArrayProperties = &types.ArrayProperties{Size: &size}
	return in
}

func after(in *sdk.SubmitJobInput, id string, kind types.ArrayJobDependency) *sdk.SubmitJobInput {
	d := types.JobDependency{Type: kind}
	if id != "" {
		d.JobId = &id
	}
	in.DependsOn = append(in.DependsOn, d)
	return in
}

// ordinary are the kinds of work that users give.
var ordinary = []func(*workload) error{
	(*workload).single, (*workload).retries, (*workload).failsForGood, (*workload).arrays, (*workload).arrayRetries,
	(*workload).chain, (*workload).chainBreaks, (*workload).pairwise, (*workload).sequential, (*workload).gang,
	(*workload).licensed, (*workload).shared, (*workload).cancels, (*workload).terminates, (*workload).afterEnd,
}

// mix does some of what users do, at once, unless the recipe goes alone.
func (l *workload) mix(r *recipe, always ...func(*workload) error) {
	chosen := slices.Clone(always)
	for range 2 {
		if r.alone {
			break
		}
		chosen = append(chosen, ordinary[l.rng.IntN(len(ordinary))])
	}
	for _, f := range chosen {
		l.does("work", func() error { return f(l) })
	}
}

func (l *workload) single() error {
	_, err := l.submit(of(definitionOK), succeeds, 1)
	return err
}

func (l *workload) retries() error {
	_, err := l.submit(retried(of(definitionOnceBad), 2), succeeds, 2)
	return err
}

func (l *workload) failsForGood() error {
	_, err := l.submit(retried(of(definitionBad), 2), fails, 2)
	return err
}

func (l *workload) arrays() error {
	_, err := l.submit(array(of(definitionOK), 3), succeeds, 1)
	return err
}

func (l *workload) arrayRetries() error {
	_, err := l.submit(array(retried(of(definitionOnceBad), 2), 2), succeeds, 2)
	return err
}

func (l *workload) chain() error {
	first, err := l.submit(of(definitionOK), succeeds, 1)
	if err == nil {
		_, err = l.submit(after(of(definitionOK), first, ""), succeeds, 1)
	}
	return err
}

func (l *workload) chainBreaks() error {
	first, err := l.submit(of(definitionBad), fails, 1)
	if err == nil {
		_, err = l.submit(after(of(definitionOK), first, ""), fails, 0)
	}
	return err
}

func (l *workload) pairwise() error {
	first, err := l.submit(array(of(definitionOK), 2), succeeds, 1)
	if err == nil {
		_, err = l.submit(after(array(of(definitionOK), 2), first, types.ArrayJobDependencyNToN), succeeds, 1)
	}
	return err
}

func (l *workload) sequential() error {
	_, err := l.submit(after(array(of(definitionOK), 2), "", types.ArrayJobDependencySequential), succeeds, 1)
	return err
}

func (l *workload) gang() error {
	_, err := l.submit(of(definitionGang), succeeds, 1)
	return err
}

func (l *workload) licensed() error {
	for range 3 { // there are two licences
		if _, err := l.submit(of(definitionLicensed), succeeds, 1); err != nil {
			return err
		}
	}
	return nil
}

func (l *workload) shared() error {
	for _, share := range []string{"a", "b"} {
		in := of(definitionOK)
		in.JobQueue, in.ShareIdentifier = aws.String(queueShared), &share
		if _, err := l.submit(in, succeeds, 1); err != nil {
			return err
		}
	}
	return nil
}

// cancels: the job may have started already, which cancelling does not end.
func (l *workload) cancels() error {
	id, err := l.submit(of(definitionOK), ends, -1)
	if err == nil {
		_, err = l.api.CancelJob(l.ctx, &sdk.CancelJobInput{JobId: &id, Reason: aws.String("no more")})
	}
	return err
}

func (l *workload) terminates() error {
	id, err := l.submit(of(definitionHolds), fails, -1)
	if err != nil {
		return err
	}
	if !l.await("a job runs", func() bool { return l.statusOf(id) == types.JobStatusRunning }) {
		return errPatience
	}
	_, err = l.api.TerminateJob(l.ctx, &sdk.TerminateJobInput{JobId: &id, Reason: aws.String("no more")})
	return err
}

// afterEnd depends on a job that has ended.
func (l *workload) afterEnd() error {
	first, err := l.submit(of(definitionOK), succeeds, 1)
	if err != nil {
		return err
	}
	if !l.await("a job ends", func() bool { return l.statusOf(first) == types.JobStatusSucceeded }) {
		return errPatience
	}
	_, err = l.submit(after(of(definitionOK), first, ""), succeeds, 1)
	return err
}

func (l *workload) statusOf(id string) types.JobStatus {
	out, err := l.api.DescribeJobs(l.ctx, &sdk.DescribeJobsInput{Jobs: []string{id}})
	if err != nil || len(out.Jobs) != 1 {
		return ""
	}
	return out.Jobs[0].Status
}
