// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/release"
)

// house is a world with everything that moves jobs and resources along; the watcher is played.
type house struct {
	*world
	resources *Resources
	releaser  *release.Releaser
	deleted   map[string]bool // queues that somebody asked to delete
	late      map[string]bool // dependents that were submitted after the end of what they depend on
}

func newHouse(t *testing.T, rt *rapid.T) *house {
	t.Helper()
	h := &house{world: newWorld(t, rt), deleted: map[string]bool{}, late: map[string]bool{}}
	h.resources = NewResources(h.store, h, "jobs", h.clock)
	h.releaser = release.New(h.store, h.dispatcher, release.Config{Clock: h.clock})
	return h
}

// Host implements Hosts.
func (h *house) Host(batch.ComputeEnvironment) (Cluster, error) { return h, nil }

// NamespaceExists implements Cluster.
func (h *house) Report(context.Context, string) *batch.Report { return nil }

func (h *house) NamespaceExists(context.Context, string) (bool, error) { return true, nil }

// HasNodes implements Cluster: an environment has nodes while it has pods.
func (h *house) HasNodes(_ context.Context, uuid string) (bool, error) {
	return slices.ContainsFunc(h.pods.made, func(p *corev1.Pod) bool { return p.Labels[batchmeta.ComputeEnvironmentUUID] == uuid }), nil
}

// HasOutdatedNodes implements Cluster.
func (h *house) HasOutdatedNodes(context.Context, string, int) (bool, error) { return false, nil }

// DeleteUnbound implements Cluster.
func (h *house) DeleteUnbound(_ context.Context, uuid string) error {
	h.pods.made = slices.DeleteFunc(h.pods.made, func(p *corev1.Pod) bool {
		return p.Labels[batchmeta.ComputeEnvironmentUUID] == uuid && h.jobOfPod(p).Status == batch.StatusRunnable
	})
	return nil
}

func (h *house) jobOfPod(p *corev1.Pod) batch.Job {
	for _, id := range h.jobs {
		job := h.job(h.t, id)
		if job.Current != nil && (job.Current.PodName == p.Name || slices.ContainsFunc(job.Current.Nodes, func(n batch.NodeAttempt) bool { return n.PodName == p.Name })) {
			return job
		}
	}
	return batch.Job{}
}

// submitDependent makes a job that waits for an earlier one, of any queue.
func (h *house) submitDependent() {
	open := slices.DeleteFunc(slices.Clone(h.queues), func(q batch.JobQueue) bool { return h.deleted[q.Name] })
	if len(open) == 0 {
		return
	}
	q := rapid.SampledFrom(open).Draw(h.rt, "dependent's queue")
	on := rapid.SampledFrom(h.jobs).Draw(h.rt, "dependency")
	h.submitted++
	job := batch.Job{
		ID: batch.DeriveJobID(q.Number, rapid.StringMatching("[a-z]{12}").Draw(h.rt, "id")), Name: "j", Queue: q.Name,
		Definition: batch.DefinitionRef{Name: "d", Revision: 1}, CreatedAt: h.clock.Now(), Requests: batch.Requests{MilliVCPU: 500, MemoryMiB: 64},
		Status: batch.StatusPending, DependsOn: []batch.Dependency{{JobID: on}}, Unmet: []string{on},
	}
	if q.SchedulingPolicy != "" {
		job.ShareIdentifier = "a"
	}
	other, err := h.store.AddDependent(h.t.Context(), on, batch.Dependent{ID: job.ID})
	h.check(err)
	_, err = h.store.Submit(h.t.Context(), q.Number, job)
	if errors.Is(err, batch.ErrNotFound) {
		return
	}
	h.check(err)
	if other.Status.IsTerminal() {
		h.check(h.store.Settle(h.t.Context(), on))
		h.late[job.ID] = true // if the other's queue is gone, package release finds it in its slow pass
	}
	h.jobs = append(h.jobs, job.ID)
}

// watch plays the watcher: pods of ended jobs go, jobs that must stop end, withdrawn ones wait again.
func (h *house) watch() {
	owned := map[string]bool{}
	for _, id := range h.jobs {
		job := h.job(h.t, id)
		if job.Current == nil {
			continue
		}
		names := []string{job.Current.PodName}
		for _, n := range job.Current.Nodes {
			names = append(names, n.PodName)
		}
		exists := slices.ContainsFunc(h.pods.made, func(p *corev1.Pod) bool { return slices.Contains(names, p.Name) })
		switch {
		case !exists && job.Status == batch.StatusRunnable:
			h.step(h.t, id, lifecycle.Withdrawn{Attempt: job.Current.Number})
		case job.Stop != nil:
			h.step(h.t, id, lifecycle.Ended{Attempt: job.Current.Number, Node: job.MainNode, StatusReason: lifecycle.ReasonExited})
		default:
			for _, name := range names {
				owned[name] = true
			}
		}
	}
	h.pods.made = slices.DeleteFunc(h.pods.made, func(p *corev1.Pod) bool { return !owned[p.Name] })
}

// move lets everything look at things once, in a random order.
func (h *house) move() {
	ctx := h.t.Context()
	steps := []func(){
		func() { h.check(h.dispatcher.runOnce(ctx)) },
		func() { h.check(h.resources.environments(ctx)) },
		func() { h.check(h.resources.queues(ctx)) },
		h.watch,
		func() { h.releaser.Wake(); synctest.Wait() },
	}
	for _, i := range rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(h.rt, "order") {
		steps[i]()
	}
	h.clock.Step(time.Second)
	synctest.Wait()
}

// startAny gives an admitted job its node.
func (h *house) startAny() {
	id := rapid.SampledFrom(h.jobs).Draw(h.rt, "job")
	if job := h.job(h.t, id); job.Current != nil {
		h.step(h.t, id, lifecycle.Bound{Attempt: job.Current.Number, Node: job.MainNode, NodeName: "n"})
	}
}

func (h *house) deleteQueue(name string) {
	if h.deleted[name] {
		return
	}
	h.deleted[name] = true
	h.changeQueue(h.t, name, func(q *batch.JobQueue) { q.State, q.Status = batch.Disabled, batch.ResourceDeleting })
}

func (h *house) deleteEnvironment(name string) {
	_, err := h.store.UpdateEnvironment(h.t.Context(), name, func(e *batch.ComputeEnvironment) error {
		e.State, e.Status = batch.Disabled, batch.ResourceDeleting
		return nil
	})
	if err != nil && !errors.Is(err, batch.ErrNotFound) {
		h.rt.Fatal(err)
	}
}

// act does one random thing that users or pods do.
func (h *house) act() {
	open := slices.ContainsFunc(h.queues, func(q batch.JobQueue) bool { return !h.deleted[q.Name] })
	switch what := rapid.SampledFrom([]string{"submit", "submit", "depend", "start", "end", "end", "queue", "environment", "toggle"}).Draw(h.rt, "what"); {
	case what == "submit" && len(h.deleted) == 0:
		h.submitAny()
	case what == "depend" && open && len(h.jobs) > 0:
		h.submitDependent()
	case what == "start" && len(h.jobs) > 0:
		h.startAny()
	case what == "end":
		h.endAny()
	case what == "queue":
		h.deleteQueue(rapid.SampledFrom([]string{"fifo", "fair"}).Draw(h.rt, "queue"))
	case what == "environment":
		h.deleteEnvironment(rapid.SampledFrom([]string{"ce-a", "ce-b"}).Draw(h.rt, "environment"))
	case what == "toggle":
		name := rapid.SampledFrom([]string{"ce-a", "ce-b"}).Draw(h.rt, "environment")
		if e, err := h.store.Environment(h.t.Context(), name); err == nil && e.Status != batch.ResourceDeleting {
			h.environment(h.t, name, func(e *batch.ComputeEnvironment) {
				e.State = rapid.SampledFrom([]batch.State{batch.Enabled, batch.Disabled}).Draw(h.rt, "state")
			})
		}
	}
}

// checkGone: a queue that is gone leaves no job that has not ended, and nobody who waits for one of its jobs; an environment
// leaves no attempt under way.
func (h *house) checkGone() {
	queues, err := h.store.Queues(h.t.Context())
	h.check(err)
	gone := func(number int) bool {
		return !slices.ContainsFunc(queues, func(q batch.JobQueue) bool { return q.Number == number })
	}
	for _, id := range h.jobs {
		job := h.job(h.t, id)
		if number, _ := batch.QueueNumber(id); gone(number) && !job.Status.IsTerminal() {
			h.rt.Fatalf("the queue of job %s is gone and the job is %s", id, job.Status)
		}
		if job.Current != nil {
			_, err := h.store.Environment(h.t.Context(), job.Current.ComputeEnvironment)
			h.check(err)
		}
		for _, on := range job.Unmet {
			if number, _ := batch.QueueNumber(on); gone(number) && job.Status == batch.StatusPending && !h.late[id] {
				h.rt.Fatalf("job %s waits for %s of a queue that is gone", id, on)
			}
		}
	}
}

// bubble keeps rapid from asking for the test's deadline, which a bubble does not have.
type bubble struct{ *testing.T }

// Contract 2.1, 2.2: queues and environments are disabled, emptied and deleted in any order; a deleted queue takes its jobs
// with it, `JobQueue deleted`, arrays, multi-node jobs and those that wait for others among them.
func TestQueuesAndEnvironmentsAreDeletedInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubble{t}, func(rt *rapid.T) {
			time.Sleep(10 * time.Millisecond) // the bubble's time, by which rapid bounds its search for a small failure
			h := newHouse(t, rt)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- h.releaser.Run(ctx) }()
			defer func() {
				cancel()
				h.check(<-done)
			}()

			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				for range rapid.IntRange(0, 3).Draw(rt, "acts") {
					h.act()
				}
				h.move()
				h.checkGone()
			}
			for _, i := range rapid.Permutation([]int{0, 1, 2, 3}).Draw(rt, "last order") {
				[]func(){
					func() { h.deleteQueue("fifo") }, func() { h.deleteQueue("fair") },
					func() { h.deleteEnvironment("ce-a") }, func() { h.deleteEnvironment("ce-b") },
				}[i]()
				h.move()
				h.checkGone()
			}
			h.endRest()
			for range 20 {
				h.move()
				h.checkGone()
			}
			h.checkAllGone()
		})
	})
}

// endRest ends what still runs, as in an environment that was deleted under it.
func (h *house) endRest() {
	for _, id := range h.jobs {
		if job := h.job(h.t, id); job.Status == batch.StatusStarting {
			h.step(h.t, id, lifecycle.Ended{Attempt: job.Current.Number, Node: job.MainNode, StatusReason: lifecycle.ReasonExited})
		}
	}
}

func (h *house) checkAllGone() {
	queues, err := h.store.Queues(h.t.Context())
	h.check(err)
	environments, err := h.store.Environments(h.t.Context())
	h.check(err)
	if len(queues) > 0 || len(environments) > 0 {
		h.rt.Fatalf("%d queues and %d environments are left", len(queues), len(environments))
	}
	for _, id := range h.jobs {
		job := h.job(h.t, id)
		if !job.Status.IsTerminal() || job.Status == batch.StatusFailed && job.StatusReason == "" {
			h.rt.Fatalf("job %s is %s %q", id, job.Status, job.StatusReason)
		}
		if parent, _, isChild := strings.Cut(id, ":"); isChild && !h.job(h.t, parent).Status.IsTerminal() {
			h.rt.Fatalf("array %s has not ended", parent)
		}
	}
	if holders, err := h.store.ConsumableHolders(h.t.Context()); err != nil || len(holders) > 0 {
		h.rt.Fatalf("%v still hold consumable resources (%v)", holders, err)
	}
}
