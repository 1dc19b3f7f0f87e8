// SPDX-License-Identifier: Apache-2.0

package spending

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fresh"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// Store is what Costs read.
type Store interface {
	Queues(ctx context.Context) ([]batch.JobQueue, error)
	Job(ctx context.Context, id string) (batch.Job, error)
	Jobs(ctx context.Context, ids []string) ([]batch.Job, error)
	// ListChildren gives an array's children of a status in index order, from an index on, and the index to go on from, -1 at the end.
	ListChildren(ctx context.Context, parentID string, status batch.JobStatus, from, limit int) (jobs []batch.Job, next int, err error)
	// Spending is that of each queue, in their order.
	Spending(ctx context.Context, queueNumbers []int) ([]batch.Spending, error)
}

const (
	// freshFor is how long an answer counts: many pages ask for it, and it changes slowly.
	freshFor = 5 * time.Second
	// maxRows bounds the shares, tags and jobs of a queue that are told.
	maxRows = 500
	// maxChildren bounds the children of an array that are looked at for what their attempts under way cost. childrenPage is how many
	// are read at once: each such read is one transaction of the store.
	maxChildren  = 1000
	childrenPage = 250
)

// Costs tell what jobs cost. Those who ask at the same time what queues spent share an answer, which they must not change.
type Costs struct {
	store Store
	clock clock.PassiveClock
	spent *fresh.Answer[*viewapi.Spending]
}

// New makes Costs.
func New(store Store, clk clock.PassiveClock) *Costs {
	s := &Costs{store: store, clock: clk}
	s.spent = fresh.New(clk, freshFor, s.spending)
	return s
}

// Spending is what all queues spent.
func (s *Costs) Spending(ctx context.Context) (*viewapi.Spending, error) { return s.spent.Get(ctx) }

func (s *Costs) spending(ctx context.Context) (*viewapi.Spending, error) {
	now := s.clock.Now()
	queues, err := s.store.Queues(ctx)
	if err != nil {
		return nil, err
	}
	numbers := make([]int, len(queues))
	for i := range queues {
		numbers[i] = queues[i].Number
	}
	spent, err := s.store.Spending(ctx, numbers)
	if err != nil {
		return nil, err
	}
	jobs, err := s.jobs(ctx, spent)
	if err != nil {
		return nil, err
	}
	first := batch.HourOf(now) - batch.SpendingHours + 1
	out := &viewapi.Spending{At: now.UnixMilli(), From: first * time.Hour.Milliseconds(), Queues: make([]viewapi.QueueSpending, len(queues))}
	for i := range queues {
		out.Queues[i] = queueSpending(queues[i].Name, &spent[i], jobs, first)
	}
	return out, nil
}

// jobs are those that cost most, by id, as far as they are kept.
func (s *Costs) jobs(ctx context.Context, spent []batch.Spending) (map[string]*batch.Job, error) {
	var ids []string
	for i := range spent {
		for _, job := range spent[i].Jobs {
			ids = append(ids, job.JobID)
		}
	}
	found, err := s.store.Jobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*batch.Job, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	return byID, nil
}

func queueSpending(name string, s *batch.Spending, jobs map[string]*batch.Job, first int64) viewapi.QueueSpending {
	q := viewapi.QueueSpending{
		JobQueue: name, MoreTags: s.MoreTags, Hours: make([]float64, batch.SpendingHours),
		Shares: []viewapi.ShareSpending{}, Tags: []viewapi.TagSpending{}, Jobs: []viewapi.JobSpending{},
	}
	var all batch.Cost
	for hour, c := range s.Hours {
		all = all.Plus(c)
		if i := hour - first; i >= 0 && i < batch.SpendingHours {
			q.Hours[i] = dollarsOf(c)
		}
	}
	q.Cost = costOf(all)
	for share, c := range s.Shares {
		q.Shares = append(q.Shares, viewapi.ShareSpending{Share: share, Cost: costOf(c)})
	}
	slices.SortFunc(q.Shares, func(a, b viewapi.ShareSpending) int {
		return cmp.Or(dearer(a.Cost, b.Cost), cmp.Compare(a.Share, b.Share))
	})
	for tag, c := range s.Tags {
		q.Tags = append(q.Tags, viewapi.TagSpending{Key: tag.Key, Value: tag.Value, Cost: costOf(c)})
	}
	slices.SortFunc(q.Tags, func(a, b viewapi.TagSpending) int {
		return cmp.Or(dearer(a.Cost, b.Cost), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
	q.MoreTags = q.MoreTags || len(q.Tags) > maxRows
	q.Tags = q.Tags[:min(len(q.Tags), maxRows)]
	for _, spent := range s.Jobs {
		if job := jobs[spent.JobID]; job != nil {
			q.Jobs = append(q.Jobs, viewapi.JobSpending{
				JobID: job.ID, JobName: job.Name, ShareIdentifier: job.ShareIdentifier, Status: string(job.Status),
				Dollars: dollarsOf(batch.Cost{Nano: spent.Nano}),
			})
		}
	}
	return q
}

// dearer puts what cost more first, and what nobody knows last.
func dearer(a, b viewapi.Cost) int { return cmp.Compare(known(b), known(a)) }

func known(c viewapi.Cost) float64 {
	if c.Dollars == nil {
		return -1
	}
	return *c.Dollars
}

func costOf(c batch.Cost) viewapi.Cost {
	return viewapi.Cost{Dollars: c.Dollars(), Attempts: c.Attempts, UnknownAttempts: c.Unknown}
}

func dollarsOf(c batch.Cost) float64 { return *batch.Cost{Nano: c.Nano}.Dollars() }

// JobCost is what a job, a child of an array or a node of a multi-node job cost up to now.
func (s *Costs) JobCost(ctx context.Context, jobID string) (*viewapi.JobCost, error) {
	id := jobID
	if name, ok := batch.NameFromARN(batch.ARNJob, jobID); ok {
		id = name
	}
	ref, err := batch.ParseJobID(id)
	if err != nil {
		return nil, noJob(jobID)
	}
	record := ref.Job
	if ref.Child >= 0 {
		record = batch.ChildID(ref.Job, ref.Child)
	}
	job, err := s.store.Job(ctx, record)
	if errors.Is(err, batch.ErrNotFound) || err == nil && ref.Node >= job.NumNodes {
		return nil, noJob(jobID)
	}
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	out := &viewapi.JobCost{JobID: id, At: now.UnixMilli(), Attempts: []viewapi.AttemptCost{}}
	total, err := s.ofChildren(ctx, &job, now)
	if errors.Is(err, batch.ErrNotFound) { // forgotten since
		return nil, noJob(jobID)
	}
	if err != nil {
		return nil, err
	}
	attempts := job.Attempts
	if job.Current != nil {
		attempts = append(slices.Clone(attempts), *job.Current)
	}
	for i := range attempts {
		one, c := attemptCost(&attempts[i], ref.Node, now)
		total = total.Plus(c)
		out.Attempts = append(out.Attempts, one)
	}
	out.Cost = costOf(total)
	return out, nil
}

// ofChildren is what the attempts of an array's children cost up to now; nothing of what is no array. The array was read before them,
// so a child that ends meanwhile is left out, never counted twice.
func (s *Costs) ofChildren(ctx context.Context, array *batch.Job, now time.Time) (batch.Cost, error) {
	if !array.IsArray() {
		return batch.Cost{}, nil
	}
	total, left := array.Spent, maxChildren
	for _, status := range [...]batch.JobStatus{batch.StatusRunning, batch.StatusStarting} {
		count, next := array.Children[status], 0
		for count > 0 && left > 0 && next >= 0 {
			children, from, err := s.store.ListChildren(ctx, array.ID, status, next, min(left, childrenPage))
			if err != nil {
				return batch.Cost{}, err
			}
			for i := range children {
				if a := children[i].Current; a != nil {
					total = total.Plus(a.Cost(now))
				}
			}
			count, left, next = count-len(children), left-len(children), from
		}
		if next >= 0 && count > 0 { // nobody looked at the others
			total = total.Plus(batch.Cost{Attempts: int64(count), Unknown: int64(count)})
		}
	}
	return total, nil
}

func noJob(id string) error { return batch.Invalidf("Job %.256s does not exist", id) }

// attemptCost is what an attempt cost, or one of its nodes if node is not negative.
func attemptCost(a *batch.Attempt, node int, now time.Time) (viewapi.AttemptCost, batch.Cost) {
	c := a.Cost(now)
	out := viewapi.AttemptCost{Attempt: a.Number, Hosts: []viewapi.HostCost{}}
	if len(a.Nodes) == 0 && a.NodeName != "" {
		out.Hosts = append(out.Hosts, hostCost(a.NodeName, nil, a.Host, c))
	}
	for i := range a.Nodes {
		n := &a.Nodes[i]
		if node >= 0 && i != node {
			continue
		}
		pods := n.Cost(now)
		if pods.Attempts > 0 {
			out.Hosts = append(out.Hosts, hostCost(n.NodeName, &i, n.Host, pods))
		}
		if node >= 0 {
			c = batch.Cost{Nano: pods.Nano, Attempts: 1, Unknown: min(pods.Unknown, 1)}
		}
	}
	out.Cost = costOf(c)
	return out, c
}

func hostCost(node string, index *int, h *batch.Host, c batch.Cost) viewapi.HostCost {
	out := viewapi.HostCost{Node: node, NodeIndex: index}
	if c.Unknown == 0 {
		out.Dollars = c.Dollars()
	}
	if h == nil {
		return out
	}
	out.InstanceType, out.CapacityType = h.InstanceType, h.CapacityType
	if h.PricePerHour > 0 {
		out.PricePerHour = &h.PricePerHour
	}
	if h.Share > 0 {
		out.Share = &h.Share
	}
	if !h.BoundAt.IsZero() {
		out.BoundAt = h.BoundAt.UnixMilli()
	}
	return out
}
