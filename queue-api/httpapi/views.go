// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// Views shows what AWS Batch has no operation for, of what the store has.
type Views interface {
	// Summary is how all queues are, without totals. Others may have the same answer: it must not be changed.
	Summary(ctx context.Context) (*viewapi.Summary, error)
	// ArrayStatuses are those of an array's children.
	ArrayStatuses(ctx context.Context, call batch.Call, jobID string) (*viewapi.Array, error)
	// Spending is what all queues spent. Others may have the same answer: it must not be changed.
	Spending(ctx context.Context) (*viewapi.Spending, error)
	// JobCost is what a job, a child of an array or a node cost.
	JobCost(ctx context.Context, jobID string) (*viewapi.JobCost, error)
}

// summary tells callers how the queues are whose jobs they may list.
func (s *Server) summary(views Views) http.Handler {
	return s.endpoint(OpGetSummary, func(r *http.Request) (any, error) {
		var mine viewapi.Summary
		_, err := s.authorized(r.Context(), s.call(r), OpGetSummary, nil, func() (any, error) {
			all, err := views.Summary(r.Context())
			if err != nil {
				return nil, err
			}
			mine = *all
			return &mine, nil
		})
		if err != nil {
			return nil, err
		}
		mine.Totals = totals(mine.Queues)
		return &mine, nil
	})
}

func totals(queues []viewapi.QueueSummary) viewapi.Totals {
	t := viewapi.Totals{Counts: map[string]int64{}}
	for i := range queues {
		for status, n := range queues[i].Counts {
			t.Counts[status] += n
		}
		t.Attempts += queues[i].Attempts
		t.VCPUsUsed += queues[i].VCPUsUsed
	}
	return t
}

// array tells of an array's children.
func (s *Server) array(views Views) http.Handler {
	return s.endpoint(OpDescribeArray, func(r *http.Request) (any, error) {
		id, call := r.PathValue("id"), s.call(r)
		return s.authorized(r.Context(), call, OpDescribeArray, id, func() (any, error) { return views.ArrayStatuses(r.Context(), call, id) })
	})
}

// spending tells callers what was spent in the queues whose jobs they may list.
func (s *Server) spending(views Views) http.Handler {
	return s.endpoint(OpGetSpending, func(r *http.Request) (any, error) {
		return s.authorized(r.Context(), s.call(r), OpGetSpending, nil, func() (any, error) {
			all, err := views.Spending(r.Context())
			if err != nil {
				return nil, err
			}
			return new(*all), nil
		})
	})
}

// jobCost tells what a job cost.
func (s *Server) jobCost(views Views) http.Handler {
	return s.endpoint(OpDescribeJobCost, func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		return s.authorized(r.Context(), s.call(r), OpDescribeJobCost, id, func() (any, error) { return views.JobCost(r.Context(), id) })
	})
}
