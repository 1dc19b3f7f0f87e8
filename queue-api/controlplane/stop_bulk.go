// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// maxStopped is AWS Batch's bound on the jobs of one CancelJobs or TerminateJobs.
const maxStopped = 50

// CancelJobs is CancelJob for up to 50 jobs. AWS Batch: it succeeds as a whole whatever becomes of each job, and unknown
// jobs are successful.
func (s *Service) CancelJobs(ctx context.Context, _ batch.Call, in *awsapi.CancelJobsRequest) (*awsapi.CancelJobsResponse, error) {
	successful, failures, err := s.stopAll(ctx, in.Jobs, in.Reason, lifecycle.Cancelled{Reason: value(in.Reason)})
	if err != nil {
		return nil, err
	}
	out := &awsapi.CancelJobsResponse{Successful: successful, Errors: []awsapi.CancelJobsErrorDetail{}}
	for _, f := range failures {
		out.Errors = append(out.Errors, awsapi.CancelJobsErrorDetail{Job: new(f.job), Code: new(f.Code), Message: new(f.Message)})
	}
	return out, nil
}

// TerminateJobs is TerminateJob for up to 50 jobs, as CancelJobs.
func (s *Service) TerminateJobs(ctx context.Context, _ batch.Call, in *awsapi.TerminateJobsRequest) (*awsapi.TerminateJobsResponse, error) {
	successful, failures, err := s.stopAll(ctx, in.Jobs, in.Reason, lifecycle.Terminated{Reason: value(in.Reason)})
	if err != nil {
		return nil, err
	}
	out := &awsapi.TerminateJobsResponse{Successful: successful, Errors: []awsapi.TerminateJobsErrorDetail{}}
	for _, f := range failures {
		out.Errors = append(out.Errors, awsapi.TerminateJobsErrorDetail{Job: new(f.job), Code: new(f.Code), Message: new(f.Message)})
	}
	return out, nil
}

// A stopFailure is a job that could not be stopped, and why.
type stopFailure struct {
	job string
	batch.Error
}

// stopAll stops each job, as it was named, whatever became of those before it.
func (s *Service) stopAll(ctx context.Context, jobs []string, reason *string, ev lifecycle.Event) (successful []string, failures []stopFailure, err error) {
	if len(jobs) > maxStopped {
		return nil, nil, batch.Invalidf("jobs must have at most %d jobs", maxStopped)
	}
	if err := checkReason(reason); err != nil {
		return nil, nil, err
	}
	successful = []string{}
	for _, id := range jobs {
		if err := s.stop(ctx, id, ev); err != nil {
			failures = append(failures, stopFailure{id, refusalOf(ctx, id, err)})
			continue
		}
		successful = append(successful, id)
	}
	return successful, failures, nil
}

// refusalOf is what the caller is told of an error; the cause of one of ours is logged, not shown.
func refusalOf(ctx context.Context, id string, err error) batch.Error {
	if refusal, ok := errors.AsType[*batch.Error](err); ok {
		return *refusal
	}
	klog.FromContext(ctx).Error(err, "Job could not be stopped", "job", id)
	return batch.Error{Code: batch.CodeServer, Message: "The job could not be stopped, please retry"}
}
