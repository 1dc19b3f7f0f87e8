// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// town is a store with jobs in every state that a job can be in.
type town struct {
	*Store

	t      *testing.T
	client redis.UniversalClient
	queue  batch.JobQueue
	jobs   []string // ids of jobs, arrays and some children
	seed   *rand.Rand
}

func newTown(t *testing.T, client redis.UniversalClient, seed uint64) *town {
	t.Helper()
	town := &town{Store: New(client, Config{}), t: t, client: client, seed: rand.New(rand.NewPCG(seed, 1))}
	for _, name := range []string{"gone", "q"} {
		q, err := town.CreateQueue(t.Context(), batch.JobQueue{Name: name})
		town.must(err)
		town.queue = q
	}
	_, err := town.RegisterDefinition(t.Context(), batch.JobDefinition{Name: "d"})
	town.must(err)
	town.must(town.CreateConsumable(t.Context(), batch.ConsumableResource{Name: "licence", Type: batch.Replenishable, TotalQuantity: 1000}))
	for range 25 {
		town.submit()
	}
	for range 250 {
		town.live(town.jobs[town.seed.IntN(len(town.jobs))])
	}
	return town
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// submit submits a job, an array, or one that waits for another.
func (w *town) submit() {
	w.t.Helper()
	id, err := batch.NewJobID(w.queue.Number, nil)
	w.must(err)
	job := batch.Job{
		ID: id, Name: "n" + strconv.Itoa(len(w.jobs)%3), Queue: "q", Definition: batch.DefinitionRef{Name: "d", Revision: 1},
		CreatedAt: time.Now().Add(-time.Hour), RetryStrategy: &batch.RetryStrategy{Attempts: 2}, Status: batch.StatusRunnable,
		Requests: batch.Requests{MilliVCPU: 250}, ShareIdentifier: []string{"", "a", "b"}[w.seed.IntN(3)], SchedulingPriority: w.seed.IntN(3),
	}
	switch w.seed.IntN(4) {
	case 0:
		job.ArraySize, job.Status = 2+w.seed.IntN(6), batch.StatusPending
	case 1:
		job.Consumables = []batch.ConsumableRequirement{{Name: "licence", Quantity: 2}}
	case 2:
		w.await(&job)
	}
	_, err = w.Submit(w.t.Context(), w.queue.Number, job)
	w.must(err)
	w.jobs = append(w.jobs, id)
	for i := range job.ArraySize {
		w.jobs = append(w.jobs, batch.ChildID(id, i))
	}
}

// await makes a job wait for one that has not ended.
func (w *town) await(job *batch.Job) {
	for _, on := range w.jobs {
		other, err := w.AddDependent(w.t.Context(), on, batch.Dependent{ID: job.ID})
		w.must(err)
		if !other.Status.IsTerminal() {
			job.DependsOn, job.Unmet, job.Status = []batch.Dependency{{JobID: on}}, []string{on}, batch.StatusPending
			return
		}
	}
}

// live takes a job one step on its way, as the programs do.
func (w *town) live(id string) {
	w.t.Helper()
	ctx := w.t.Context()
	job, err := w.Job(ctx, id)
	w.must(err)
	if job.IsWaiting() && len(job.Consumables) > 0 {
		_, err := w.TakeConsumables(ctx, batch.AttemptID(id, len(job.Attempts)+1), job.Consumables)
		w.must(err)
	}
	after, err := w.Transition(ctx, id, func(job batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(job, w.next(job), time.Now())
		return next, err
	})
	w.must(err)
	for n := range len(after.Attempts) {
		w.must(w.ReturnConsumables(ctx, batch.AttemptID(id, n+1), true))
	}
	if after.Status == batch.StatusFailed {
		w.must(w.ReturnConsumables(ctx, batch.AttemptID(id, len(after.Attempts)+1), false))
	}
}

func (w *town) next(job batch.Job) lifecycle.Event {
	n := len(job.Attempts) + 1
	switch {
	case job.IsArray(), w.seed.IntN(40) == 0 && len(job.Consumables) == 0 && job.Status != batch.StatusPending:
		return lifecycle.Blocked{Reason: "CAPACITY:X - y"}
	case job.Status == batch.StatusRunnable && job.Current == nil:
		return lifecycle.Admitted{ComputeEnvironment: "ce" + strconv.Itoa(w.seed.IntN(2)), PodName: "p"}
	case job.Status == batch.StatusRunnable:
		host := &batch.Host{InstanceType: "m5.large", CapacityType: "SPOT", PricePerHour: float64(len(w.jobs) % 3), Share: 0.5, BoundAt: time.Now().Add(-time.Hour).UTC()}
		return lifecycle.Bound{Attempt: n, NodeName: "n", Host: host}
	case job.Status == batch.StatusStarting:
		return lifecycle.Started{Attempt: n, At: time.Now()}
	case job.Status == batch.StatusRunning:
		return lifecycle.Ended{Attempt: n, Succeeded: w.seed.IntN(2) == 0}
	default:
		return lifecycle.Blocked{}
	}
}

// tryLive is live where others may be ahead.
func (w *town) tryLive(id string) {
	_, err := w.Transition(context.WithoutCancel(w.t.Context()), id, func(job batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(job, w.next(job), time.Now())
		return next, err
	})
	_ = err // another was ahead, or the index it goes by is damaged
}
