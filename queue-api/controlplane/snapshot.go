// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// AWS Batch: a snapshot shows the first 100 RUNNABLE jobs and the 20 shares that use most.
const (
	maxFront     = 100
	maxTopShares = 20
	// liveChunk is how many jobs with an attempt under way are loaded at once.
	liveChunk = 500
)

// GetJobQueueSnapshot gives the front of the queue in the order of dispatch, and what the queue uses.
func (s *Service) GetJobQueueSnapshot(ctx context.Context, call batch.Call, in *awsapi.GetJobQueueSnapshotRequest) (*awsapi.GetJobQueueSnapshotResponse, error) {
	queue, err := s.findQueue(ctx, value(in.JobQueue))
	if err != nil {
		return nil, err
	}
	now := s.now()
	running, err := s.front.ShareUsage(ctx, queue.Number)
	if err != nil {
		return nil, err
	}
	jobs, err := s.frontOfQueue(ctx, &queue, running, now)
	if err != nil {
		return nil, err
	}
	use, err := s.utilization(ctx, &queue, running)
	if err != nil {
		return nil, err
	}
	use.LastUpdatedAt = millis(now)
	front := &awsapi.FrontOfQueueDetail{Jobs: make([]awsapi.FrontOfQueueJobSummary, len(jobs)), LastUpdatedAt: millis(now)}
	for i := range jobs {
		front.Jobs[i] = awsapi.FrontOfQueueJobSummary{
			JobArn:                 new(call.ARN(batch.ARNJob, jobs[i].ID)),
			EarliestTimeAtPosition: millis(waitsSince(&jobs[i])),
		}
	}
	return &awsapi.GetJobQueueSnapshotResponse{FrontOfQueue: front, QueueUtilization: use}, nil
}

// frontOfQueue gives the first RUNNABLE jobs: those that were admitted and have no node yet, then those that are next.
func (s *Service) frontOfQueue(ctx context.Context, queue *batch.JobQueue, running map[string]int64, now time.Time) ([]batch.Job, error) {
	jobs, err := s.admitted(ctx, queue.Number)
	if err != nil || len(jobs) >= maxFront {
		return jobs[:min(maxFront, len(jobs))], err
	}
	order, err := s.orderOf(ctx, queue, running, now)
	if err != nil {
		return nil, err
	}
	// With room for everything, what is admitted is what comes next, each job charged to its share before the next is chosen.
	room := []*fairshare.Budget{{Name: "any", Accepts: true, Unlimited: true}}
	verdicts, _, err := fairshare.Admit(order, room, fairshare.Options{Limit: maxFront - len(jobs), Now: now})
	for _, v := range verdicts {
		jobs = append(jobs, v.Job)
	}
	return jobs, err
}

// admitted gives the queue's jobs that are RUNNABLE with an attempt under way, in the order of their admission.
func (s *Service) admitted(ctx context.Context, queueNumber int) ([]batch.Job, error) {
	ids, err := s.front.Live(ctx, queueNumber)
	if err != nil {
		return nil, err
	}
	var out []batch.Job
	for chunk := range slices.Chunk(ids, liveChunk) {
		jobs, err := s.jobs.Jobs(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, job := range jobs {
			if job.Status == batch.StatusRunnable && job.Current != nil {
				out = append(out, job)
			}
		}
	}
	slices.SortFunc(out, func(a, b batch.Job) int {
		return cmp.Or(a.Current.AdmittedAt.Compare(b.Current.AdmittedAt), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// orderOf is the order in which the dispatcher will take the queue's waiting jobs.
func (s *Service) orderOf(ctx context.Context, queue *batch.JobQueue, running map[string]int64, now time.Time) (*fairshare.Order, error) {
	fetch := func(share, after string, limit int) ([]batch.Job, string, error) {
		return s.front.WaitingIn(ctx, queue.Number, share, after, limit)
	}
	if queue.SchedulingPolicy == "" {
		return fairshare.NewFIFO(fetch), nil
	}
	policy, err := s.policyOf(ctx, queue)
	if err != nil {
		return nil, err
	}
	ledger, err := s.ledgerOf(ctx, queue, policy, running, now)
	if err != nil {
		return nil, err
	}
	shares, err := s.front.WaitingShares(ctx, queue.Number)
	if err != nil {
		return nil, err
	}
	return fairshare.NewFairShare(shares, ledger, running, policy, fetch), nil
}

// ledgerOf is the ledger of a fair-share queue, brought up to now.
func (s *Service) ledgerOf(
	ctx context.Context, queue *batch.JobQueue, policy fairshare.Policy, running map[string]int64, now time.Time,
) (*fairshare.Ledger, error) {
	text, err := s.front.LoadShareLedger(ctx, queue.Number)
	if err != nil {
		return nil, err
	}
	ledger, err := fairshare.ReadLedger(text)
	if err != nil {
		return nil, fmt.Errorf("job queue %s: %w", queue.Name, err)
	}
	ledger.Advance(now, running, policy.Tau())
	return ledger, nil
}

// waitsSince is the earliest time at which a job can have been where it is: since it was admitted, or since its front was
// last found blocked, or since it was submitted or its last attempt ended.
func waitsSince(job *batch.Job) time.Time {
	since := job.CreatedAt
	if n := len(job.Attempts); n > 0 {
		since = later(since, job.Attempts[n-1].StoppedAt)
	}
	since = later(since, job.BlockedAt)
	if job.Current != nil {
		since = later(since, job.Current.AdmittedAt)
	}
	return since
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// utilization is what the queue's attempts under way hold. AWS Batch: by share for a fair-share queue, only the 20 that
// hold most.
func (s *Service) utilization(ctx context.Context, queue *batch.JobQueue, running map[string]int64) (*awsapi.QueueSnapshotUtilizationDetail, error) {
	byEnvironment, err := s.waiting.Usage(ctx, queue.Number)
	if err != nil {
		return nil, err
	}
	var total int64
	for _, milli := range byEnvironment {
		total += milli
	}
	out := &awsapi.QueueSnapshotUtilizationDetail{
		TotalCapacityUsage: []awsapi.QueueSnapshotCapacityUsage{{CapacityUnit: new(capacityUnit), Quantity: vcpus(total)}},
	}
	if queue.SchedulingPolicy == "" {
		return out, nil
	}
	active, err := s.front.Shares(ctx, queue.Number)
	if err != nil {
		return nil, err
	}
	out.FairshareUtilization = &awsapi.FairshareUtilizationDetail{
		ActiveShareCount:       new(int64(len(active))),
		TopCapacityUtilization: topShares(running),
	}
	return out, nil
}

func topShares(running map[string]int64) []awsapi.FairshareCapacityUtilization {
	shares := slices.SortedFunc(maps.Keys(running), func(a, b string) int {
		return cmp.Or(cmp.Compare(running[b], running[a]), cmp.Compare(a, b))
	})
	shares = shares[:min(maxTopShares, len(shares))]
	out := make([]awsapi.FairshareCapacityUtilization, len(shares))
	for i, share := range shares {
		out[i] = awsapi.FairshareCapacityUtilization{
			ShareIdentifier: &share,
			CapacityUsage:   []awsapi.FairshareCapacityUsage{{CapacityUnit: new(capacityUnit), Quantity: vcpus(running[share])}},
		}
	}
	return out
}

// vcpus is a number of thousandths of a vCPU as the API says it.
func vcpus(milli int64) *float64 { return new(float64(milli) / 1000) }
