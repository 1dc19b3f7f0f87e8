// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/muster-batch/muster/queue-api/batch"
)

// maxLookups bounds the look-ups that one request has under way.
const maxLookups = 16

// reasons says why each of the jobs does not run that has no stored reason, by id. It asks the store only what such jobs
// need: nothing if there are none.
func (s *Service) reasons(ctx context.Context, jobs []*batch.Job) (map[string]string, error) {
	out := map[string]string{}
	var pending, waiting []*batch.Job
	for _, job := range jobs {
		switch {
		case job.StatusReason != "":
		case job.Status == batch.StatusPending:
			pending = append(pending, job)
		case job.IsWaiting():
			waiting = append(waiting, job)
		case job.Status == batch.StatusRunnable && job.Current != nil:
			out[job.ID] = whyAdmitted(job)
		}
	}
	if err := s.pendingReasons(ctx, pending, out); err != nil {
		return nil, err
	}
	return out, s.waitingReasons(ctx, waiting, out)
}

func (s *Service) pendingReasons(ctx context.Context, jobs []*batch.Job, out map[string]string) error {
	parents, err := s.parentsOf(ctx, jobs)
	if err != nil {
		return err
	}
	unmet := map[string][]string{}
	var asked []string
	for _, job := range jobs {
		ids := job.Unmet
		if parent, ok := parents[parentID(job)]; ok { // a child waits for what its array waits for, too
			ids = slices.Concat(parent.Unmet, ids)
		}
		unmet[job.ID] = ids
		asked = append(asked, ids[:min(len(ids), maxUnmetShown)]...)
	}
	slices.Sort(asked)
	found, err := s.found(ctx, slices.Compact(asked))
	if err != nil {
		return err
	}
	for id, ids := range unmet {
		out[id] = whyPending(ids, found)
	}
	return nil
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
	for i, job := range jobs {
		out[job.ID] = whyWaiting(job, f.places[i], f.suppliesOf(job))
	}
	return nil
}

// facts are what the reasons of a request's waiting jobs are made of.
type facts struct {
	places       []batch.Place // of each job
	queues       map[string]*batch.JobQueue
	environments map[string]*batch.ComputeEnvironment
	used         map[string]int64 // thousandths of a vCPU by environment, over all queues
	consumables  map[string]*batch.ConsumableResource
}

// gather looks up what there is of everything that the jobs wait for, each thing once.
func (s *Service) gather(ctx context.Context, jobs []*batch.Job) (*facts, error) {
	f := &facts{
		queues: map[string]*batch.JobQueue{}, environments: map[string]*batch.ComputeEnvironment{},
		used: map[string]int64{}, consumables: map[string]*batch.ConsumableResource{},
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
		f.queues[queues[i].Name] = &queues[i]
	}
	for i := range environments {
		f.environments[environments[i].Name] = &environments[i]
	}
	if err := s.gatherUsage(ctx, f, queues); err != nil {
		return nil, err
	}
	if err := s.gatherConsumables(ctx, f, jobs); err != nil {
		return nil, err
	}
	waiting := make([]batch.Job, len(jobs))
	for i, job := range jobs {
		waiting[i] = *job
	}
	f.places, err = s.waiting.Positions(ctx, waiting)
	return f, err
}

// gatherUsage adds up all queues: environments are shared, and a queue may still run jobs where it sends none any more.
func (s *Service) gatherUsage(ctx context.Context, f *facts, queues []batch.JobQueue) error {
	usage := make([]map[string]int64, len(queues))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxLookups)
	for i := range queues {
		group.Go(func() (err error) {
			usage[i], err = s.waiting.Usage(ctx, queues[i].Number)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, u := range usage {
		for environment, milli := range u {
			f.used[environment] += milli
		}
	}
	return nil
}

func (s *Service) gatherConsumables(ctx context.Context, f *facts, jobs []*batch.Job) error {
	for _, job := range jobs {
		for _, r := range job.Consumables {
			if _, ok := f.consumables[r.Name]; ok {
				continue
			}
			c, err := s.consumables.Consumable(ctx, r.Name)
			switch {
			case errors.Is(err, batch.ErrNotFound):
				f.consumables[r.Name] = nil
			case err != nil:
				return err
			default:
				f.consumables[r.Name] = &c
			}
		}
	}
	return nil
}

// suppliesOf is what there is of what a job waits for: vCPUs in each environment of its queue, and its consumables.
func (f *facts) suppliesOf(job *batch.Job) []supply {
	var out []supply
	if queue, ok := f.queues[job.Queue]; ok {
		for _, e := range queue.Environments {
			if environment, ok := f.environments[e.Name]; ok {
				out = append(out, vCPUsOf(environment, f.used[e.Name]))
			}
		}
	}
	for _, r := range job.Consumables {
		out = append(out, quantityOf(r.Name, f.consumables[r.Name]))
	}
	return out
}

func vCPUsOf(e *batch.ComputeEnvironment, used int64) supply {
	s := supply{name: e.Name, unit: " vCPU", all: strconv.Itoa(e.MaxvCPUs)}
	s.free = vCPUs(max(0, int64(e.MaxvCPUs)*1000-used))
	if e.Type == batch.Unmanaged && e.MaxvCPUs == 0 {
		s.free, s.all = "any number of", ""
	}
	if !e.AcceptsWork() {
		s.state = string(e.State)
		if e.State == batch.Enabled {
			s.state = string(e.Status)
		}
	}
	return s
}

func quantityOf(name string, c *batch.ConsumableResource) supply {
	if c == nil {
		return supply{name: name, free: "0", state: "does not exist"}
	}
	return supply{name: name, free: strconv.FormatInt(c.Available(), 10), all: strconv.FormatInt(c.TotalQuantity, 10)}
}
