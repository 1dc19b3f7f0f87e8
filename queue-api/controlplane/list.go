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

// ListJobs gives the jobs of a queue, latest submitted first: those of one status, RUNNING unless another is named, or
// those of any status that a filter lets through. No job has children yet, so the list of a job's children is empty.
func (s *Service) ListJobs(ctx context.Context, call batch.Call, in *awsapi.ListJobsRequest) (*awsapi.ListJobsResponse, error) {
	parent, err := listParent(in)
	if err != nil {
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
	if parent != "" {
		return s.listChildren(ctx, parent)
	}
	queue, err := s.findQueue(ctx, value(in.JobQueue))
	if err != nil {
		return nil, err
	}
	var jobs []batch.Job
	var next *string
	if filter == nil {
		jobs, next, err = s.listStatus(ctx, &queue, listedStatus(in), in.NextToken, limit)
	} else {
		jobs, next, err = s.listFiltered(ctx, &queue, filter, in.NextToken, limit)
	}
	if err != nil {
		return nil, err
	}
	return &awsapi.ListJobsResponse{JobSummaryList: jobSummaries(call.Scope, jobs), NextToken: next}, nil
}

// listParent checks that one list is asked for, and gives the job whose children it is, if any.
func listParent(in *awsapi.ListJobsRequest) (string, error) {
	var lists []string
	for _, id := range []*string{in.JobQueue, in.ArrayJobId, in.MultiNodeJobId} {
		if value(id) != "" {
			lists = append(lists, *id)
		}
	}
	if len(lists) != 1 {
		return "", batch.Invalidf("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be specified")
	}
	if value(in.JobQueue) != "" {
		return "", nil
	}
	return lists[0], nil
}

func (s *Service) listChildren(ctx context.Context, parent string) (*awsapi.ListJobsResponse, error) {
	id, ok := jobID(parent)
	if ok {
		jobs, err := s.jobs.Jobs(ctx, []string{id})
		if err != nil {
			return nil, err
		}
		ok = len(jobs) > 0
	}
	if !ok {
		return nil, batch.Invalidf("Job %s does not exist", clip(parent))
	}
	return &awsapi.ListJobsResponse{JobSummaryList: []awsapi.JobSummary{}}, nil
}

func listedStatus(in *awsapi.ListJobsRequest) batch.JobStatus {
	if s := value(in.JobStatus); s != "" {
		return batch.JobStatus(s)
	}
	return batch.StatusRunning
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

func jobSummaries(scope batch.Scope, jobs []batch.Job) []awsapi.JobSummary {
	out := make([]awsapi.JobSummary, len(jobs))
	for i := range jobs {
		out[i] = jobSummary(scope, &jobs[i])
	}
	return out
}
