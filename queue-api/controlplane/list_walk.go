// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"slices"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// walkPage is how many jobs of one status are asked for at a time.
const walkPage = 100

// listFiltered gives a page of what a filter lets through. It looks at a bounded number of jobs, so a page may be short or
// empty and have a next one all the same.
func (s *Service) listFiltered(ctx context.Context, queue *batch.JobQueue, filter *jobFilter, nextToken *string, limit int) ([]batch.Job, *string, error) {
	list := listID("filtered", queue.Name, filter.list)
	from, err := readToken[walkPosition](list, nextToken)
	if err != nil {
		return nil, nil, err
	}
	w := newWalk(s.jobs, queue.Number, filter.statuses, from)
	var found []batch.Job
	for range s.cfg.MaxListScan {
		job, err := w.next(ctx)
		if err != nil {
			return nil, nil, err
		}
		if job == nil || job.CreatedAt.Before(filter.oldest.Add(-inversion)) {
			return found, nil, nil
		}
		if !filter.matches(job) {
			continue
		}
		if found = append(found, *job); len(found) == limit {
			break
		}
	}
	next, err := newToken(list, w.position)
	return found, next, err
}

// A walk visits a queue's jobs of some statuses, latest created first, and can be taken up again from its position. It
// visits every job that keeps its status once; one that changes it meanwhile may, rarely, be visited twice.
type walk struct {
	jobs     JobStore
	queue    int
	position walkPosition
	streams  []stream
}

// walkPosition is how far a walk has come.
type walkPosition struct {
	Millis   int64                              `json:"t"` // when the job visited last was created
	Statuses map[batch.JobStatus]statusPosition `json:"s"`
}

type statusPosition struct {
	After string `json:"a,omitempty"` // where the current page begins, in the store's terms
	// Seen are the jobs visited since that page began, by the ends of their ids.
	Seen []string `json:"s,omitempty"`
}

// idEnd tells the jobs of a page apart.
func idEnd(id string) string { return id[max(0, len(id)-12):] }

// inversion is how much earlier a job may have been created than one submitted before it: stores keep the order of
// submission, and the clocks of servers differ.
const inversion = time.Second

// isPast holds for a job that the walk has left behind: it came here from another status, where it was visited.
func (p *walkPosition) isPast(job *batch.Job) bool {
	return p.Millis != 0 && job.CreatedAt.UnixMilli() > p.Millis+inversion.Milliseconds()
}

// A stream is the jobs of one status.
type stream struct {
	status batch.JobStatus
	page   []batch.Job // what is left of the current page
	after  string      // where the next page begins
	loaded bool        // whether there is a current page
}

func newWalk(jobs JobStore, queue int, statuses []batch.JobStatus, from walkPosition) *walk {
	w := &walk{jobs: jobs, queue: queue, position: from}
	if w.position.Statuses == nil {
		w.position.Statuses = map[batch.JobStatus]statusPosition{}
	}
	for _, status := range statuses {
		w.streams = append(w.streams, stream{status: status, after: w.position.Statuses[status].After})
	}
	return w
}

// next visits one job; nil at the end.
func (w *walk) next(ctx context.Context) (*batch.Job, error) {
	var first *stream
	for i := range w.streams {
		s := &w.streams[i]
		if err := w.fill(ctx, s); err != nil {
			return nil, err
		}
		if len(s.page) > 0 && (first == nil || s.page[0].CreatedAt.After(first.page[0].CreatedAt)) {
			first = s
		}
	}
	if first == nil {
		return nil, nil
	}
	job := &first.page[0]
	first.page = first.page[1:]
	w.moveTo(first.status, job)
	return job, nil
}

func (w *walk) moveTo(status batch.JobStatus, job *batch.Job) {
	p := w.position.Statuses[status]
	p.Seen = append(p.Seen, idEnd(job.ID))
	w.position.Statuses[status] = p
	w.position.Millis = job.CreatedAt.UnixMilli()
}

// fill makes the stream's page begin with a job to visit, if there is one.
func (w *walk) fill(ctx context.Context, s *stream) error {
	for {
		for len(s.page) > 0 && w.position.isPast(&s.page[0]) {
			s.page = s.page[1:]
		}
		if len(s.page) > 0 || s.loaded && s.after == "" {
			return nil
		}
		page, next, err := w.jobs.ListJobs(ctx, w.queue, s.status, s.after, walkPage)
		if err != nil {
			return err
		}
		s.page = w.skipSeen(s, page)
		s.after, s.loaded = next, true
	}
}

// skipSeen drops what comes before the last job seen of a page that was just loaded, and that job: newer ones that were
// not seen came here from another status. Jobs seen may also turn up on the next page, pushed there by such newcomers.
func (w *walk) skipSeen(s *stream, page []batch.Job) []batch.Job {
	p := w.position.Statuses[s.status]
	var still []string
	visited := 0
	for i := range page {
		if end := idEnd(page[i].ID); slices.Contains(p.Seen, end) {
			visited, still = i+1, append(still, end)
		}
	}
	if s.loaded {
		p.Seen = still
	}
	p.After = s.after
	w.position.Statuses[s.status] = p
	return page[visited:]
}
