// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// CancelJob fails a job that has not reached STARTING. AWS Batch: it succeeds for any other job too, and does nothing.
func (s *Service) CancelJob(ctx context.Context, _ batch.Call, in *awsapi.CancelJobRequest) (*awsapi.CancelJobResponse, error) {
	if err := checkReason(in.Reason); err != nil {
		return nil, err
	}
	if err := s.stop(ctx, value(in.JobId), lifecycle.Cancelled{Reason: value(in.Reason)}); err != nil {
		return nil, err
	}
	return &awsapi.CancelJobResponse{}, nil
}

// TerminateJob fails a job wherever it is. AWS Batch: it succeeds for finished and unknown jobs too, and does nothing.
func (s *Service) TerminateJob(ctx context.Context, _ batch.Call, in *awsapi.TerminateJobRequest) (*awsapi.TerminateJobResponse, error) {
	if err := checkReason(in.Reason); err != nil {
		return nil, err
	}
	if err := s.stop(ctx, value(in.JobId), lifecycle.Terminated{Reason: value(in.Reason)}); err != nil {
		return nil, err
	}
	return &awsapi.TerminateJobResponse{}, nil
}

// stop steps the job that an id or ARN means. What it asks of the cluster is the leader's to do, which the store tells
// that the job changed.
func (s *Service) stop(ctx context.Context, id string, ev lifecycle.Event) error {
	id, ok := jobID(id)
	if !ok {
		return nil
	}
	_, err := s.jobs.Transition(ctx, id, func(job batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(job, ev, s.now())
		return next, err
	})
	if errors.Is(err, batch.ErrNotFound) {
		return nil
	}
	return err
}

// jobID reads a job's id or ARN; ok is false for what cannot be a job's.
func jobID(idOrARN string) (id string, ok bool) {
	id, ok = batch.NameFromARN(batch.ARNJob, idOrARN)
	if !ok {
		return "", false
	}
	_, err := batch.QueueNumber(id)
	return id, err == nil
}
