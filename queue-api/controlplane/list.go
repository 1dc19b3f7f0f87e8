// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// AWS Batch: a page has up to 1000 jobs, and up to 100 with filters.
const (
	maxListed         = 1000
	maxListedFiltered = 100
)

// ListJobs gives the jobs of a queue, latest submitted first, or the children of an array or the nodes of a multi-node job,
// by index: those of one status, RUNNING unless another is named, or those jobs of a queue, of any status, that a filter
// lets through. AWS Batch: filters do not apply to children and nodes.
func (s *Service) ListJobs(ctx context.Context, call batch.Call, in *awsapi.ListJobsRequest) (*awsapi.ListJobsResponse, error) {
	if err := checkOneList(in); err != nil {
		return nil, err
	}
	filter, err := parseFilter(in.Filters)
	if err != nil {
		return nil, err
	}
	most := maxListed
	if filter != nil {
		most = maxListedFiltered
	}
	limit, err := pageSize(in.MaxResults, most)
	if err != nil {
		return nil, err
	}
	var list []awsapi.JobSummary
	var next *string
	switch {
	case value(in.ArrayJobId) != "":
		list, next, err = s.listChildren(ctx, call.Scope, in, limit)
	case value(in.MultiNodeJobId) != "":
		list, next, err = s.listNodes(ctx, call.Scope, in, limit)
	default:
		list, next, err = s.listQueue(ctx, call.Scope, in, filter, limit)
	}
	if err != nil {
		return nil, err
	}
	return &awsapi.ListJobsResponse{JobSummaryList: list, NextToken: next}, nil
}

// checkOneList is AWS Batch's rule that one list is asked for.
func checkOneList(in *awsapi.ListJobsRequest) error {
	lists := 0
	for _, id := range []*string{in.JobQueue, in.ArrayJobId, in.MultiNodeJobId} {
		if value(id) != "" {
			lists++
		}
	}
	if lists != 1 {
		return batch.Invalidf("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be specified")
	}
	return nil
}

func listedStatus(in *awsapi.ListJobsRequest) batch.JobStatus {
	if s := value(in.JobStatus); s != "" {
		return batch.JobStatus(s)
	}
	return batch.StatusRunning
}

func (s *Service) listQueue(ctx context.Context, scope batch.Scope, in *awsapi.ListJobsRequest, filter *jobFilter, limit int) ([]awsapi.JobSummary, *string, error) {
	queue, err := s.findQueue(ctx, value(in.JobQueue))
	if err != nil {
		return nil, nil, err
	}
	var jobs []batch.Job
	var next *string
	if filter == nil {
		jobs, next, err = s.listStatus(ctx, &queue, listedStatus(in), in.NextToken, limit)
	} else {
		jobs, next, err = s.listFiltered(ctx, &queue, filter.inStatus(in.JobStatus), in.NextToken, limit)
	}
	return s.jobSummaries(scope, jobs), next, err
}

// listStatus gives a page of one status; the token is the store's.
func (s *Service) listStatus(ctx context.Context, queue *batch.JobQueue, status batch.JobStatus, nextToken *string, limit int) ([]batch.Job, *string, error) {
	list := listID("jobs", queue.Name, string(status))
	after, err := readToken[string](list, nextToken)
	if err != nil {
		return nil, nil, err
	}
	jobs, after, err := s.jobs.ListJobs(ctx, queue.Number, status, after, limit)
	if err != nil || after == "" {
		return jobs, nil, err
	}
	next, err := newToken(list, after)
	return jobs, next, err
}

func (s *Service) jobSummaries(scope batch.Scope, jobs []batch.Job) []awsapi.JobSummary {
	now := s.now()
	out := make([]awsapi.JobSummary, len(jobs))
	for i := range jobs {
		out[i] = jobSummary(scope, &jobs[i], now)
	}
	return out
}
