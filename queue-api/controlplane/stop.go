// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// CancelJob fails a job that has not reached STARTING. AWS Batch: it succeeds for any other job too, and does nothing; of
// an array it fails the children that have not reached STARTING.
func (s *Service) CancelJob(ctx context.Context, _ batch.Call, in *awsapi.CancelJobRequest) (*awsapi.CancelJobResponse, error) {
	if err := checkReason(in.Reason); err != nil {
		return nil, err
	}
	if err := s.stop(ctx, value(in.JobId), lifecycle.Cancelled{Reason: value(in.Reason)}); err != nil {
		return nil, err
	}
	return &awsapi.CancelJobResponse{}, nil
}

// TerminateJob fails a job wherever it is, an array with all its children, a multi-node job with all its nodes. AWS Batch:
// it succeeds for finished and unknown jobs too, and does nothing.
func (s *Service) TerminateJob(ctx context.Context, _ batch.Call, in *awsapi.TerminateJobRequest) (*awsapi.TerminateJobResponse, error) {
	if err := checkReason(in.Reason); err != nil {
		return nil, err
	}
	if err := s.stop(ctx, value(in.JobId), lifecycle.Terminated{Reason: value(in.Reason)}); err != nil {
		return nil, err
	}
	return &awsapi.TerminateJobResponse{}, nil
}

// stop steps the job that an id or ARN means; a node means its job. What it asks of the cluster, and of an array's children,
// is the leader's to do, which the store tells that the job changed.
func (s *Service) stop(ctx context.Context, id string, ev lifecycle.Event) error {
	ref, ok := jobRef(id)
	if !ok {
		return nil
	}
	_, err := s.jobs.Transition(ctx, recordID(ref), func(job batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(job, ev, s.now())
		return next, err
	})
	if errors.Is(err, batch.ErrNotFound) {
		return nil
	}
	return err
}

// jobRef reads the id or ARN of a job, of an array's child or of a node; ok is false for what cannot be one.
func jobRef(idOrARN string) (ref batch.JobRef, ok bool) {
	id, ok := batch.NameFromARN(batch.ARNJob, idOrARN)
	if !ok {
		return ref, false
	}
	ref, err := batch.ParseJobID(id)
	return ref, err == nil
}

// recordID is the id of the record that has what ref means: a node's is its job's.
func recordID(ref batch.JobRef) string {
	if ref.Child >= 0 {
		return batch.ChildID(ref.Job, ref.Child)
	}
	return ref.Job
}
