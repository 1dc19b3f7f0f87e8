// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// listChildren gives a page of an array's children. A job that is no array has none.
func (s *Service) listChildren(ctx context.Context, scope batch.Scope, in *awsapi.ListJobsRequest, limit int) ([]awsapi.JobSummary, *string, error) {
	array, err := s.findJob(ctx, *in.ArrayJobId)
	if err != nil {
		return nil, nil, err
	}
	status := listedStatus(in)
	list := listID("children", array.ID, string(status))
	from, err := readToken[int](list, in.NextToken)
	if err != nil {
		return nil, nil, err
	}
	if !array.IsArray() || from < 0 || from >= array.ArraySize {
		return []awsapi.JobSummary{}, nil, nil
	}
	jobs, from, err := s.arrays.ListChildren(ctx, array.ID, status, from, limit)
	if errors.Is(err, batch.ErrNotFound) { // expired since it was found
		return nil, nil, noJob(*in.ArrayJobId)
	}
	if err != nil || from < 0 {
		return s.jobSummaries(scope, jobs), nil, err
	}
	next, err := newToken(list, from)
	return s.jobSummaries(scope, jobs), next, err
}

// listNodes gives a page of a multi-node job's nodes. A job that is none has none.
func (s *Service) listNodes(ctx context.Context, scope batch.Scope, in *awsapi.ListJobsRequest, limit int) ([]awsapi.JobSummary, *string, error) {
	job, err := s.findJob(ctx, *in.MultiNodeJobId)
	if err != nil {
		return nil, nil, err
	}
	status := listedStatus(in)
	list := listID("nodes", job.ID, string(status))
	from, err := readToken[int](list, in.NextToken)
	if err != nil {
		return nil, nil, err
	}
	out := []awsapi.JobSummary{}
	for i := max(from, 0); i < job.NumNodes; i++ {
		node := nodeOf(job, i)
		if node.Status != status {
			continue
		}
		if len(out) == limit {
			next, err := newToken(list, i)
			return out, next, err
		}
		out = append(out, nodeSummary(scope, job, &node, i))
	}
	return out, nil, nil
}

// findJob finds the job that an id or ARN means; a child or a node has no members.
func (s *Service) findJob(ctx context.Context, id string) (*batch.Job, error) {
	ref, ok := jobRef(id)
	if !ok || ref.Child >= 0 || ref.Node >= 0 {
		return nil, noJob(id)
	}
	found, err := s.found(ctx, []string{ref.Job})
	if err != nil {
		return nil, err
	}
	job, ok := found[ref.Job]
	if !ok {
		return nil, noJob(id)
	}
	return job, nil
}

func noJob(id string) error { return batch.Invalidf("Job %s does not exist", clip(id)) }

// ArrayStatuses gives the statuses of all children of an array job.
func (s *Service) ArrayStatuses(ctx context.Context, _ batch.Call, jobID string) (*viewapi.Array, error) {
	array, err := s.findJob(ctx, jobID)
	if err != nil {
		return nil, err
	}
	statuses, err := s.arrays.ChildStatuses(ctx, array.ID)
	if errors.Is(err, batch.ErrNotFound) {
		return nil, batch.Invalidf("Job %.256s is not an array job.", jobID)
	}
	if err != nil {
		return nil, err
	}
	return &viewapi.Array{JobID: array.ID, Size: len(statuses), Statuses: statuses}, nil
}
