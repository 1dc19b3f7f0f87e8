// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/fairshare"
)

// round is what one round knows: read once at its begin, the budgets kept in step with what it gives out.
type round struct {
	order        []batch.JobQueue // as they are served
	queues       map[string]batch.JobQueue
	environments map[string]batch.ComputeEnvironment
	budgets      map[string]*fairshare.Budget
	usage        map[int]map[string]int64 // by queue number, as the round began
	noGangs      map[string]bool          // environments in which no multi-node job may run
	policies     map[string]batch.SchedulingPolicy
}

// newRound reads queues, environments and what attempts under way hold: two calls, and one for each queue.
func (d *Dispatcher) newRound(ctx context.Context) (*round, error) {
	environments, err := d.store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	queues, err := d.store.Queues(ctx)
	if err != nil {
		return nil, err
	}
	r := &round{
		order: queues, queues: make(map[string]batch.JobQueue, len(queues)),
		environments: make(map[string]batch.ComputeEnvironment, len(environments)),
		budgets:      make(map[string]*fairshare.Budget, len(environments)), noGangs: map[string]bool{},
	}
	for _, e := range environments {
		r.environments[e.Name], r.budgets[e.Name], r.noGangs[e.Name] = e, d.budgetOf(e), !e.TakesGangs()
	}
	// AWS Batch: higher priority first.
	slices.SortStableFunc(r.order, func(a, b batch.JobQueue) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), before(d.heads[a.Number], d.heads[b.Number]), cmp.Compare(a.Name, b.Name))
	})
	fair := false
	for _, q := range queues {
		r.queues[q.Name] = q
		fair = fair || q.SchedulingPolicy != ""
	}
	if r.policies, err = d.policies(ctx, fair); err != nil {
		return nil, err
	}
	return r, d.subtractUsage(ctx, r)
}

// policies are the scheduling policies by name, read if any queue has one.
func (d *Dispatcher) policies(ctx context.Context, fair bool) (map[string]batch.SchedulingPolicy, error) {
	if !fair {
		return nil, nil
	}
	all, err := d.store.Policies(ctx)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]batch.SchedulingPolicy, len(all))
	for _, p := range all {
		byName[p.Name] = p
	}
	return byName, nil
}

func (d *Dispatcher) budgetOf(e batch.ComputeEnvironment) *fairshare.Budget {
	milli := int64(e.MaxvCPUs) * 1000
	return &fairshare.Budget{
		Name: e.Name, Accepts: e.AcceptsWork() && d.isReady(e), Milli: milli, MaxMilli: milli,
		Unlimited: e.Type == batch.Unmanaged && e.MaxvCPUs == 0,
	}
}

// closed are the environments that were disabled or deleted since the round began: a job that came after that is not admitted to
// them. If they cannot be read, what the round knows has to do.
func (d *Dispatcher) closed(ctx context.Context, r *round) map[string]bool {
	environments, err := d.store.Environments(ctx)
	if err != nil {
		klog.FromContext(ctx).Error(err, "Compute environments are taken to be as they were")
		return nil
	}
	closed := make(map[string]bool, len(r.environments))
	for name := range r.environments {
		closed[name] = true
	}
	for _, e := range environments {
		if e.AcceptsWork() {
			delete(closed, e.Name)
		}
	}
	return closed
}

// subtractUsage takes what every queue's attempts under way hold off the budgets.
func (d *Dispatcher) subtractUsage(ctx context.Context, r *round) error {
	usages := make([]map[string]int64, len(r.order))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(d.cfg.Parallel)
	for i, q := range r.order {
		group.Go(func() (err error) {
			usages[i], err = d.store.Usage(ctx, q.Number)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	r.usage = make(map[int]map[string]int64, len(r.order))
	for i, usage := range usages {
		r.usage[r.order[i].Number] = usage
		for environment, milli := range usage {
			if b := r.budgets[environment]; b != nil {
				b.Milli -= milli
			}
		}
	}
	return nil
}

// budgetsOf are the budgets of the queue's environments in their order. AWS Batch: ascending.
func (r *round) budgetsOf(q batch.JobQueue) []*fairshare.Budget {
	order := slices.SortedStableFunc(slices.Values(q.Environments), func(a, b batch.EnvironmentOrder) int {
		return cmp.Compare(a.Order, b.Order)
	})
	var out []*fairshare.Budget
	for _, e := range order {
		if b := r.budgets[e.Name]; b != nil {
			out = append(out, b)
		}
	}
	return out
}

// lend gives a queue that may preempt what queues of lower priority hold of its environments, on top of what is left: the
// scheduler ends as much of that as it must. Nodes are bounded by their environment's maximum as ever; those that an admin
// adds are not, so nothing is lent of an unmanaged environment. What the queue did not take goes back by the function
// returned.
func (r *round) lend(q batch.JobQueue, budgets []*fairshare.Budget) (giveBack func()) {
	if !preempts(q) {
		return func() {}
	}
	lent := make([]int64, len(budgets))
	for i, b := range budgets {
		if r.environments[b.Name].Type != batch.Managed {
			continue
		}
		for _, other := range r.order {
			if other.Priority < q.Priority {
				lent[i] += r.usage[other.Number][b.Name]
			}
		}
		b.Milli += lent[i]
	}
	return func() {
		for i, b := range budgets {
			b.Milli -= lent[i]
		}
	}
}

// takeGangs leaves out the budgets of environments in which no multi-node job may run.
func (r *round) takeGangs(budgets []*fairshare.Budget) []*fairshare.Budget {
	return slices.DeleteFunc(slices.Clone(budgets), func(b *fairshare.Budget) bool { return r.noGangs[b.Name] })
}
