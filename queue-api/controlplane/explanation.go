// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// PodLook looks at pods of attempts, in whichever cluster they are.
type PodLook interface {
	// Unscheduled is the scheduler's last word on a pod that has no node; empty if it said nothing, or the pod is not there or
	// has one. It fails if the cluster does not answer.
	Unscheduled(ctx context.Context, cluster, namespace, pod string) (words string, err error)
}

// NodeLook looks at the nodes of compute environments, in whichever cluster they are.
type NodeLook interface {
	// NodesOf gives the nodes of an environment, by its UUID. It fails if they are not known.
	NodesOf(ctx context.Context, uuid string) ([]explain.Node, error)
}

// lookWithin bounds how long a cluster is waited for.
const lookWithin = 2 * time.Second

// ExplainJob says why a job, or a child of an array, is where it is. It costs some look-ups for each job queue that there is, and
// none for each job.
func (s *Service) ExplainJob(ctx context.Context, _ batch.Call, in *explain.Request) (*viewapi.Explanation, error) {
	ref, ok := jobRef(in.JobID)
	if !ok {
		return nil, noJob(in.JobID)
	}
	id := recordID(ref)
	jobs, err := s.found(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	job := jobs[id]
	if job == nil || ref.Node >= job.NumNodes {
		return nil, noJob(in.JobID)
	}
	facts, err := s.factsOf(ctx, job)
	if err != nil {
		return nil, err
	}
	return new(facts.Explain()), nil
}

// factsOf looks up what is to be known of a job where it is.
func (s *Service) factsOf(ctx context.Context, job *batch.Job) (explain.Facts, error) {
	switch {
	case job.Status == batch.StatusPending:
		all, err := s.pendingFacts(ctx, []*batch.Job{job})
		if err != nil {
			return explain.Facts{}, err
		}
		return all[0], nil
	case job.IsWaiting():
		return s.waitingFacts(ctx, job)
	}
	f := explain.Facts{Now: s.now(), Job: job}
	if job.Current == nil {
		return f, nil
	}
	return f, s.addAttempt(ctx, &f)
}

// waitingFacts are those of a job that waits for admission, or would.
func (s *Service) waitingFacts(ctx context.Context, job *batch.Job) (explain.Facts, error) {
	g, err := s.gather(ctx, []*batch.Job{job})
	if err != nil {
		return explain.Facts{}, err
	}
	f := g.of(0)
	if f.Queue == nil {
		return f, nil
	}
	text, err := s.front.LoadPace(ctx, f.Queue.Number)
	if err != nil {
		return f, err
	}
	if f.Pace, err = explain.ReadPace(text); err != nil {
		klog.FromContext(ctx).V(2).Info("Ignoring what cannot be read", "jobQueue", job.Queue, "err", err)
	}
	if f.Shares != nil {
		if f.Shares.Standings, err = s.standings(ctx, f.Queue, f.Now); err != nil {
			return f, err
		}
	}
	return f, s.countAhead(ctx, &f)
}

// Bounds of what is looked at to count the children of arrays that are ahead: entries of the job's own share, and of each of some others.
const (
	ownEntries   = 1000
	otherEntries = 100
	otherShares  = 50
)

// countAhead counts for how many jobs the entries ahead of a job stand.
func (s *Service) countAhead(ctx context.Context, f *explain.Facts) error {
	entries := map[string]int{f.Job.ShareIdentifier: min(f.Place.Ahead, ownEntries)}
	if f.Shares != nil {
		for _, standing := range f.Shares.Standings[:min(len(f.Shares.Standings), otherShares)] {
			if standing.Share != f.Job.ShareIdentifier {
				entries[standing.Share] = min(standing.Waiting, otherEntries)
			}
		}
	}
	jobs, err := s.front.JobsFirst(ctx, f.Queue.Number, entries)
	if err != nil {
		return err
	}
	f.Stretches = make(map[string]explain.Stretch, len(entries))
	for share, n := range entries {
		f.Stretches[share] = explain.Stretch{Entries: n, Jobs: jobs[share]}
	}
	return s.countSiblings(ctx, f)
}

// countSiblings counts the children that go before one that waits with its array: they are admitted in the order of their index.
func (s *Service) countSiblings(ctx context.Context, f *explain.Facts) error {
	if !f.Job.IsChild() || len(f.Job.Attempts) > 0 {
		return nil
	}
	ref, _ := batch.ParseJobID(f.Job.ID)
	arrays, err := s.found(ctx, []string{ref.Job})
	if array := arrays[ref.Job]; array != nil {
		f.Siblings = max(0, *f.Job.ArrayIndex-(array.ArraySize-array.Children[batch.StatusRunnable]))
	}
	return err
}

// standings are the shares of a fair-share queue in which something waits, the next to be served first.
func (s *Service) standings(ctx context.Context, queue *batch.JobQueue, now time.Time) ([]explain.Standing, error) {
	sizes, err := s.front.WaitingSizes(ctx, queue.Number)
	if err != nil {
		return nil, err
	}
	running, err := s.front.ShareUsage(ctx, queue.Number)
	if err != nil {
		return nil, err
	}
	policy, err := s.policyOf(ctx, queue)
	if err != nil {
		return nil, err
	}
	ledger, err := s.ledgerOf(ctx, queue, policy, running, now)
	if err != nil {
		return nil, err
	}
	out := make([]explain.Standing, 0, len(sizes))
	for share, n := range sizes {
		out = append(out, explain.Standing{Share: share, Waiting: n})
	}
	score := func(s explain.Standing) float64 { return ledger.Score(s.Share, running[s.Share], policy) }
	slices.SortFunc(out, func(a, b explain.Standing) int {
		return cmp.Or(cmp.Compare(score(a), score(b)), cmp.Compare(a.Share, b.Share))
	})
	return out, nil
}

// addAttempt adds what is known around the attempt under way: its queue, its environment, and what the cluster says of a pod
// that has no node.
func (s *Service) addAttempt(ctx context.Context, f *explain.Facts) error {
	job := f.Job
	queue, err := s.queues.Queue(ctx, job.Queue)
	switch {
	case err == nil:
		f.Queue = &queue
	case !errors.Is(err, batch.ErrNotFound):
		return err
	}
	environment, err := s.environments.Environment(ctx, job.Current.ComputeEnvironment)
	switch {
	case err == nil:
		f.Home = &explain.Environment{ComputeEnvironment: &environment}
	case !errors.Is(err, batch.ErrNotFound):
		return err
	}
	if job.Status == batch.StatusRunnable && s.cfg.Look != nil {
		f.Look = s.look(ctx, job)
	}
	return nil
}

// look asks the attempt's cluster about the first of its pods that has no node.
func (s *Service) look(ctx context.Context, job *batch.Job) *explain.Look {
	a := job.Current
	name := a.PodName
	if i := slices.IndexFunc(a.Nodes, func(n batch.NodeAttempt) bool { return n.NodeName == "" }); i >= 0 {
		name = a.Nodes[i].PodName
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	words, err := s.cfg.Look.Unscheduled(ctx, a.Cluster, a.PodNamespace, name)
	if err != nil {
		klog.FromContext(ctx).V(2).Info("Nothing is known of a pod", "job", job.ID, "pod", klog.KRef(a.PodNamespace, name), "err", err)
		return &explain.Look{Failed: true}
	}
	return &explain.Look{Scheduler: words}
}
