// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"slices"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// ListJobsByConsumableResource gives the jobs of all queues that need a consumable resource, finished ones too, queue by
// queue and there latest submitted first. It looks at a bounded number of jobs, so a page may be short or empty and have a
// next one all the same.
func (s *Service) ListJobsByConsumableResource(ctx context.Context, call batch.Call, in *awsapi.ListJobsByConsumableResourceRequest) (*awsapi.ListJobsByConsumableResourceResponse, error) {
	matches, filters, err := parseConsumerFilters(in.Filters)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxResults, maxListedFiltered)
	if err != nil {
		return nil, err
	}
	resource, err := s.consumable(ctx, value(in.ConsumableResource))
	if err != nil {
		return nil, err
	}
	list := listID("consumers", resource.Name, filters)
	from, err := readToken[consumerPosition](list, in.NextToken)
	if err != nil {
		return nil, err
	}
	jobs, from, err := s.listConsumers(ctx, resource.Name, from, matches, limit)
	if err != nil {
		return nil, err
	}
	out := &awsapi.ListJobsByConsumableResourceResponse{Jobs: []awsapi.ListJobsByConsumableResourceSummary{}}
	for i := range jobs {
		out.Jobs = append(out.Jobs, consumerSummary(call.Scope, &jobs[i], resource.Name))
	}
	if from.Queue != "" {
		out.NextToken, err = newToken(list, from)
	}
	return out, err
}

// consumerPosition is where a list of consumers goes on: in a queue, in the store's terms.
type consumerPosition struct {
	Queue string `json:"q"`           // the queue's name; empty at the beginning and at the end
	After string `json:"a,omitempty"` // empty means the queue's beginning
}

// parseConsumerFilters reads the filters, all of which must match, and a text that identifies them.
func parseConsumerFilters(filters []awsapi.KeyValuesPair) (matches func(*batch.Job) bool, list string, err error) {
	var all []func(*batch.Job) bool
	var parts []string
	for i, f := range filters {
		path, name, values := fmt.Sprintf("filters[%d]", i), value(f.Name), f.Values
		if len(values) == 0 {
			return nil, "", batch.Invalidf("%s.values must have at least one value", path)
		}
		parts = append(append(parts, name), values...)
		switch name {
		case "JOB_NAME":
			all = append(all, matchAny(values, nameMatcher))
		case "JOB_STATUS":
			for _, v := range values {
				if err := checkOneOf(path+".values", &v, statusNames()); err != nil {
					return nil, "", err
				}
			}
			all = append(all, func(j *batch.Job) bool { return slices.Contains(values, string(j.Status)) })
		default:
			return nil, "", batch.Invalidf("%s.name must be one of JOB_STATUS, JOB_NAME", path)
		}
	}
	return func(j *batch.Job) bool {
		return !slices.ContainsFunc(all, func(m func(*batch.Job) bool) bool { return !m(j) })
	}, listID(parts...), nil
}

func statusNames() []string {
	names := make([]string, len(batch.JobStatuses))
	for i, s := range batch.JobStatuses {
		names[i] = string(s)
	}
	return names
}

// listConsumers gives a page of the jobs that match, and where the next one begins.
func (s *Service) listConsumers(ctx context.Context, resource string, from consumerPosition, matches func(*batch.Job) bool, limit int) ([]batch.Job, consumerPosition, error) {
	queues, err := s.queues.Queues(ctx)
	if err != nil {
		return nil, from, err
	}
	var out []batch.Job
	left := s.cfg.MaxListScan
	for i := range queues {
		q := &queues[i]
		if q.Name < from.Queue {
			continue
		}
		if q.Name != from.Queue {
			from = consumerPosition{Queue: q.Name}
		}
		for more := true; more; more = from.After != "" {
			if len(out) == limit || left <= 0 {
				return out, from, nil
			}
			jobs, next, err := s.consumers.ListConsumers(ctx, q.Number, resource, from.After, min(limit-len(out), left))
			if err != nil {
				return nil, from, err
			}
			left -= max(1, len(jobs))
			out = append(out, slices.DeleteFunc(jobs, func(j batch.Job) bool { return !matches(&j) })...)
			from.After = next
		}
	}
	return out, consumerPosition{}, nil
}

func consumerSummary(scope batch.Scope, job *batch.Job, resource string) awsapi.ListJobsByConsumableResourceSummary {
	out := awsapi.ListJobsByConsumableResourceSummary{
		JobArn:           new(scope.ARN(batch.ARNJob, job.ID)),
		JobQueueArn:      new(scope.ARN(batch.ARNJobQueue, job.Queue)),
		JobName:          &job.Name,
		JobDefinitionArn: new(scope.ARN(batch.ARNJobDefinition, job.Definition.String())),
		ShareIdentifier:  given(job.ShareIdentifier),
		JobStatus:        new(string(job.Status)),
		StatusReason:     given(job.StatusReason),
		StartedAt:        millis(job.StartedAt),
		CreatedAt:        millis(job.CreatedAt),
		Quantity:         new(int64(0)),

		ConsumableResourceProperties: consumptionDetail(scope, job.Consumables),
	}
	for _, r := range job.Consumables {
		if r.Name == resource {
			out.Quantity = &r.Quantity
		}
	}
	return out
}
