// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// maxLookups bounds the look-ups that one request has under way.
const maxLookups = 16

// reasons are the statusReasons of those of the jobs that do not run and of which more is to be said than is stored, by id. It
// asks the store only what such jobs need: nothing if there are none.
func (s *Service) reasons(ctx context.Context, jobs []*batch.Job) (map[string]string, error) {
	out := map[string]string{}
	var pending, waiting []*batch.Job
	for _, job := range jobs {
		switch {
		case job.IsWaiting(): // its queue may be paused, whatever it was told before
			waiting = append(waiting, job)
		case job.StatusReason != "":
		case job.Status == batch.StatusPending:
			pending = append(pending, job)
		case job.Status == batch.StatusRunnable && job.Current != nil:
			f := explain.Facts{Job: job}
			out[job.ID] = f.StatusReason()
		}
	}
	if err := s.pendingReasons(ctx, pending, out); err != nil {
		return nil, err
	}
	return out, s.waitingReasons(ctx, waiting, out)
}

func (s *Service) pendingReasons(ctx context.Context, jobs []*batch.Job, out map[string]string) error {
	all, err := s.pendingFacts(ctx, jobs)
	if err != nil {
		return err
	}
	for i := range all {
		out[jobs[i].ID] = all[i].StatusReason()
	}
	return nil
}

// pendingFacts are what jobs wait for that depend on others.
func (s *Service) pendingFacts(ctx context.Context, jobs []*batch.Job) ([]explain.Facts, error) {
	parents, err := s.parentsOf(ctx, jobs)
	if err != nil {
		return nil, err
	}
	all := make([]explain.Facts, len(jobs))
	var asked []string
	for i, job := range jobs {
		ids := job.Unmet
		if parent, ok := parents[parentID(job)]; ok { // a child waits for what its array waits for, too
			ids = slices.Concat(parent.Unmet, ids)
		}
		all[i] = explain.Facts{Now: s.now(), Job: job, Unmet: ids}
		asked = append(asked, ids[:min(len(ids), explain.MaxUnmetShown)]...)
	}
	slices.Sort(asked)
	found, err := s.found(ctx, slices.Compact(asked))
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Found = found
	}
	return all, nil
}

// parentsOf gives the arrays that children among the jobs belong to.
func (s *Service) parentsOf(ctx context.Context, jobs []*batch.Job) (map[string]*batch.Job, error) {
	var ids []string
	for _, job := range jobs {
		if id := parentID(job); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return s.found(ctx, ids)
}

// parentID is empty for a job that is no array's child.
func parentID(job *batch.Job) string {
	if !job.IsChild() {
		return ""
	}
	ref, err := batch.ParseJobID(job.ID)
	if err != nil {
		return ""
	}
	return ref.Job
}

func (s *Service) waitingReasons(ctx context.Context, jobs []*batch.Job, out map[string]string) error {
	if len(jobs) == 0 {
		return nil
	}
	f, err := s.gather(ctx, jobs)
	if err != nil {
		return err
	}
	for i := range jobs {
		facts := f.of(i)
		out[jobs[i].ID] = facts.StatusReason()
	}
	return nil
}

// gathered is what the reasons of a request's waiting jobs are made of.
type gathered struct {
	*Service

	jobs         []*batch.Job
	places       []batch.Place // of each job
	queues       map[string]*batch.JobQueue
	environments map[string]*batch.ComputeEnvironment
	used         map[string]int64 // thousandths of a vCPU by environment, over all queues
	consumables  map[string]*batch.ConsumableResource
	shares       map[string]*explain.Shares // by queue; of those with a reservation, and all that were asked for
}

// gather looks up what there is of everything that the jobs wait for, each thing once.
func (s *Service) gather(ctx context.Context, jobs []*batch.Job) (*gathered, error) {
	g := &gathered{
		Service: s, jobs: jobs, queues: map[string]*batch.JobQueue{}, environments: map[string]*batch.ComputeEnvironment{},
		used: map[string]int64{}, consumables: map[string]*batch.ConsumableResource{}, shares: map[string]*explain.Shares{},
	}
	queues, err := s.queues.Queues(ctx)
	if err != nil {
		return nil, err
	}
	environments, err := s.environments.Environments(ctx)
	if err != nil {
		return nil, err
	}
	for i := range queues {
		g.queues[queues[i].Name] = &queues[i]
	}
	for i := range environments {
		g.environments[environments[i].Name] = &environments[i]
	}
	if err := g.gatherUsage(ctx, queues); err != nil {
		return nil, err
	}
	if err := g.gatherConsumables(ctx); err != nil {
		return nil, err
	}
	if err := g.gatherReservations(ctx); err != nil {
		return nil, err
	}
	waiting := make([]batch.Job, len(jobs))
	for i, job := range jobs {
		waiting[i] = *job
	}
	g.places, err = s.waiting.Positions(ctx, waiting)
	return g, err
}

// of are the facts of one of the jobs.
func (g *gathered) of(i int) explain.Facts {
	job := g.jobs[i]
	f := explain.Facts{
		Now: g.now(), Job: job, Queue: g.queues[job.Queue], Consumables: g.consumables, Place: g.places[i], Shares: g.shares[job.Queue],
	}
	if f.Queue != nil {
		f.Environments = g.environmentsOf(f.Queue)
	}
	return f
}

// environmentsOf are those of the queue that exist, as it names them.
func (g *gathered) environmentsOf(queue *batch.JobQueue) []explain.Environment {
	var out []explain.Environment
	for _, e := range queue.Environments {
		if environment, ok := g.environments[e.Name]; ok {
			out = append(out, explain.Environment{ComputeEnvironment: environment, UsedMilli: g.used[e.Name]})
		}
	}
	return out
}

// gatherUsage adds up all queues: environments are shared, and a queue may still run jobs where it sends none any more.
func (g *gathered) gatherUsage(ctx context.Context, queues []batch.JobQueue) error {
	usage := make([]map[string]int64, len(queues))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxLookups)
	for i := range queues {
		group.Go(func() (err error) {
			usage[i], err = g.waiting.Usage(ctx, queues[i].Number)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, u := range usage {
		for environment, milli := range u {
			g.used[environment] += milli
		}
	}
	return nil
}

func (g *gathered) gatherConsumables(ctx context.Context) error {
	for _, job := range g.jobs {
		for _, r := range job.Consumables {
			if _, ok := g.consumables[r.Name]; ok {
				continue
			}
			c, err := g.Service.consumables.Consumable(ctx, r.Name)
			switch {
			case errors.Is(err, batch.ErrNotFound):
				g.consumables[r.Name] = nil
			case err != nil:
				return err
			default:
				g.consumables[r.Name] = &c
			}
		}
	}
	return nil
}

// gatherReservations finds out what those of the jobs' queues may hold that keep something for shares that are not active.
func (g *gathered) gatherReservations(ctx context.Context) error {
	for _, job := range g.jobs {
		queue := g.queues[job.Queue]
		if queue == nil || queue.SchedulingPolicy == "" || g.shares[job.Queue] != nil {
			continue
		}
		policy, err := g.policyOf(ctx, queue)
		if err != nil {
			return err
		}
		shares := &explain.Shares{}
		if policy.Reservation > 0 {
			if shares.Usable, err = g.usable(ctx, queue, policy); err != nil {
				return err
			}
		}
		g.shares[job.Queue] = shares
	}
	return nil
}

func (g *gathered) usable(ctx context.Context, queue *batch.JobQueue, policy fairshare.Policy) (*fairshare.Budget, error) {
	running, err := g.front.ShareUsage(ctx, queue.Number)
	if err != nil {
		return nil, err
	}
	active, err := g.front.Shares(ctx, queue.Number)
	if err != nil {
		return nil, err
	}
	return policy.Usable(budgetsOf(g.environmentsOf(queue)), running, len(active)), nil
}

// budgetsOf are what environments have in all, as the dispatcher sees it.
func budgetsOf(environments []explain.Environment) []*fairshare.Budget {
	var out []*fairshare.Budget
	for _, e := range environments {
		milli := int64(e.MaxvCPUs) * 1000
		out = append(out, &fairshare.Budget{
			Name: e.Name, Accepts: e.AcceptsWork(), Milli: milli - e.UsedMilli, MaxMilli: milli,
			Unlimited: e.Type == batch.Unmanaged && e.MaxvCPUs == 0,
		})
	}
	return out
}

// policyOf is the scheduling policy of a fair-share queue; one that is gone has the defaults.
func (s *Service) policyOf(ctx context.Context, queue *batch.JobQueue) (fairshare.Policy, error) {
	record, err := s.policies.Policy(ctx, queue.SchedulingPolicy)
	if err != nil && !errors.Is(err, batch.ErrNotFound) {
		return fairshare.Policy{}, err
	}
	return fairshare.NewPolicy(record.FairShare), nil
}
