// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/client"
)

// jobQuery says which jobs are listed.
type jobQuery struct {
	queues   []string
	parent   string // an array whose children are listed, instead of queues
	hasNodes bool   // the parent is a multi-node job
	statuses []batch.JobStatus
	name     string // may end in *
	share    string
	since    time.Time
	limit    int // 0 for all
}

// queuedJob is a job with its queue's name, which summaries do not tell.
type queuedJob struct {
	awsapi.JobSummary

	queue string
}

// filter is the one filter that the API may be asked for; matches looks at the rest.
func (q *jobQuery) filter() []awsapi.KeyValuesPair {
	pair := func(name, value string) []awsapi.KeyValuesPair {
		return []awsapi.KeyValuesPair{{Name: &name, Values: []string{value}}}
	}
	switch {
	case q.parent != "":
		return nil
	case q.name != "":
		return pair("JOB_NAME", q.name)
	case q.share != "":
		return pair("SHARE_IDENTIFIER", q.share)
	case !q.since.IsZero():
		return pair("AFTER_CREATED_AT", strconv.FormatInt(q.since.UnixMilli(), 10))
	}
	return nil
}

// requests are the lists that together have all jobs of the query, each latest first. Filters by name and time look through all
// statuses at once.
func (q *jobQuery) requests() (list []*awsapi.ListJobsRequest) {
	filters := q.filter()
	statuses := q.statuses
	if len(filters) > 0 && value(filters[0].Name) != "SHARE_IDENTIFIER" {
		statuses = []batch.JobStatus{""}
	} else if len(statuses) == 0 {
		statuses = batch.JobStatuses[:]
	}
	places := q.queues
	if q.parent != "" {
		places = []string{q.parent}
	}
	for _, place := range places {
		for _, status := range statuses {
			in := &awsapi.ListJobsRequest{Filters: filters, MaxResults: new(q.pageSize(filters))}
			if status != "" {
				in.JobStatus = new(string(status))
			}
			switch {
			case q.parent == "":
				in.JobQueue = &place
			case q.hasNodes:
				in.MultiNodeJobId = &place
			default:
				in.ArrayJobId = &place
			}
			list = append(list, in)
		}
	}
	return list
}

// AWS Batch: pages of a filtered list have up to 100 jobs, others up to 1,000.
func (q *jobQuery) pageSize(filters []awsapi.KeyValuesPair) int {
	most := 1000
	if len(filters) > 0 {
		most = 100
	}
	if q.limit > 0 {
		most = min(most, q.limit)
	}
	return most
}

// matches looks at what the filter leaves open.
func (q *jobQuery) matches(job *awsapi.JobSummary) bool {
	if len(q.statuses) > 0 && !slices.Contains(q.statuses, batch.JobStatus(value(job.Status))) {
		return false
	}
	if q.share != "" && q.share != value(job.ShareIdentifier) {
		return false
	}
	return q.since.IsZero() || value(job.CreatedAt) >= q.since.UnixMilli()
}

// list gives the jobs of a query, latest first, page by page as they are wanted.
func (f *frame) list(ctx context.Context, q jobQuery) iter.Seq2[queuedJob, error] {
	return func(yield func(queuedJob, error) bool) {
		c, err := f.connect(ctx)
		if err != nil {
			yield(queuedJob{}, err)
			return
		}
		var lists []*jobPages
		for _, in := range q.requests() {
			lists = append(lists, &jobPages{client: c, in: in})
		}
		given := 0
		for q.limit == 0 || given < q.limit {
			next, err := latest(ctx, lists)
			if err != nil {
				yield(queuedJob{}, err)
				return
			}
			if next == nil {
				return
			}
			job := next.take()
			if !q.matches(&job) {
				continue
			}
			given++
			if !yield(queuedJob{job, resourceName(value(next.in.JobQueue))}, nil) {
				return
			}
		}
	}
}

// latest is the list whose next job was created last; nil if all are at their ends.
func latest(ctx context.Context, lists []*jobPages) (*jobPages, error) {
	var first *jobPages
	for _, l := range lists {
		if err := l.fill(ctx); err != nil {
			return nil, err
		}
		if len(l.page) == 0 {
			continue
		}
		if first == nil || comesBefore(&l.page[0], &first.page[0]) {
			first = l
		}
	}
	return first, nil
}

// comesBefore: later jobs first; parts of a job, which were all created at once, by index.
func comesBefore(a, b *awsapi.JobSummary) bool {
	if value(a.CreatedAt) != value(b.CreatedAt) {
		return value(a.CreatedAt) > value(b.CreatedAt)
	}
	return indexOf(a) < indexOf(b)
}

func indexOf(job *awsapi.JobSummary) int {
	if job.ArrayProperties != nil {
		return value(job.ArrayProperties.Index)
	}
	if job.NodeProperties != nil {
		return value(job.NodeProperties.NodeIndex)
	}
	return 0
}

// jobPages is one ListJobs as it is read.
type jobPages struct {
	client *client.Client
	in     *awsapi.ListJobsRequest
	page   []awsapi.JobSummary
	begun  bool
}

// fill reads pages until there is a job, or no page.
func (l *jobPages) fill(ctx context.Context) error {
	for len(l.page) == 0 && (!l.begun || l.in.NextToken != nil) {
		out, err := client.Do[awsapi.ListJobsResponse](ctx, l.client, "ListJobs", l.in)
		if err != nil {
			return err
		}
		l.begun, l.page, l.in.NextToken = true, out.JobSummaryList, out.NextToken
	}
	return nil
}

func (l *jobPages) take() awsapi.JobSummary {
	job := l.page[0]
	l.page = l.page[1:]
	return job
}
