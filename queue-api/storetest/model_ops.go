// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// What the model may do and asks afterwards; model.go says when.

func (m *model) newJob(size int) (batch.Job, batch.JobQueue) {
	q := m.queue()
	job := batch.Job{
		ID: m.fresh(q), Name: "n", Queue: q.Name, Definition: batch.DefinitionRef{Name: "d", Revision: 1}, CreatedAt: at,
		RetryStrategy: &batch.RetryStrategy{Attempts: 3}, Requests: batch.Requests{MilliVCPU: 250}, Status: batch.StatusRunnable,
		ShareIdentifier: m.share(), SchedulingPriority: rapid.IntRange(0, 2).Draw(m.T, "priority"), ArraySize: size,
	}
	if size > 0 {
		job.Status = batch.StatusPending
	}
	if rapid.Bool().Draw(m.T, "consumes") {
		job.Consumables = []batch.ConsumableRequirement{{Name: "0", Quantity: 2}, {Name: "1", Quantity: 1}}
	}
	return job, q
}

func (m *model) store(job batch.Job, q batch.JobQueue) {
	m.unwell(func(s Store) error {
		_, err := s.Submit(m.ctx, q.Number, job)
		return err
	}) // and then again: a repeat changes nothing
	sameJob(m, "submit", func(s Store) (batch.Job, error) { return s.Submit(m.ctx, q.Number, job) })
	m.jobs = append(m.jobs, job)
}

func (m *model) submit(size int) {
	job, q := m.newJob(size)
	if size > 1 && rapid.Bool().Draw(m.T, "sequential") {
		job.DependsOn = []batch.Dependency{{Type: batch.DependencySequential}}
	}
	m.store(job, q)
}

func (m *model) submitAgain() {
	if job, ok := m.job(anyJob); ok {
		sameJob(m, "submit again", func(s Store) (batch.Job, error) {
			n, err := batch.QueueNumber(job.ID)
			if err != nil {
				return job, err
			}
			return s.Submit(m.ctx, n, job)
		})
	}
}

// submitDependent submits a job or array that waits, in the order that SubmitJob has.
func (m *model) submitDependent() {
	job, q := m.newJob(rapid.SampledFrom([]int{0, 2, 3}).Draw(m.T, "size"))
	if other, ok := m.job(func(j batch.Job) bool { return j.ArraySize == job.ArraySize && job.ArraySize > 0 }); ok {
		m.register(other.ID, batch.Dependent{ID: job.ID, Type: batch.DependencyNToN})
		job.DependsOn = append(job.DependsOn, batch.Dependency{JobID: other.ID, Type: batch.DependencyNToN})
	}
	for range rapid.IntRange(0, 2).Draw(m.T, "plain") {
		on := m.anyID()
		if other, ok := m.register(on, batch.Dependent{ID: job.ID}); ok {
			job.DependsOn = append(job.DependsOn, batch.Dependency{JobID: on})
			if other.Status != batch.StatusSucceeded {
				job.Unmet = append(job.Unmet, on)
			}
		}
	}
	if len(job.Unmet) > 0 {
		job.Status = batch.StatusPending
	}
	m.store(job, q)
}

func (m *model) register(on string, dependent batch.Dependent) (batch.Job, bool) {
	sameJob(m, "add dependent", func(s Store) (batch.Job, error) { return s.AddDependent(m.ctx, on, dependent) })
	job, err := m.stores[0].Job(m.ctx, on)
	return job, err == nil
}

func (m *model) transition() {
	if job, ok := m.job(anyJob); ok {
		m.step(job.ID, m.event)
	}
}

func (m *model) transitionChild() {
	if array, ok := m.job(isArray); ok {
		m.step(batch.ChildID(array.ID, rapid.IntRange(0, array.ArraySize).Draw(m.T, "index")), m.event)
	}
}

// liveOn takes a job or child one step further on its way.
func (m *model) liveOn() {
	m.step(m.anyID(), func(job batch.Job) lifecycle.Event {
		n := len(job.Attempts) + 1
		switch job.Status {
		case batch.StatusPending:
			return m.dependencyEnded(job)
		case batch.StatusRunnable:
			if job.Current == nil {
				return lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "p"}
			}
			return m.bound(n)
		case batch.StatusStarting:
			return lifecycle.Started{Attempt: n, At: at}
		case batch.StatusSubmitted, batch.StatusRunning, batch.StatusSucceeded, batch.StatusFailed:
		}
		return lifecycle.Ended{Attempt: n, Succeeded: rapid.Bool().Draw(m.T, "succeeded"), StoppedAt: at.Add(time.Hour)}
	})
}

// bound is on a machine whose price may not be known.
func (m *model) bound(attempt int) lifecycle.Event {
	price := float64(rapid.IntRange(0, 2).Draw(m.T, "price"))
	return lifecycle.Bound{Attempt: attempt, NodeName: "n", Host: &batch.Host{InstanceType: "t", PricePerHour: price, Share: 0.5, BoundAt: at}}
}

// step lets an event happen to a job in both stores, the same in both.
func (m *model) step(id string, event func(batch.Job) lifecycle.Event) {
	job, err := m.stores[0].Job(m.ctx, id)
	if err != nil {
		job = batch.Job{}
	}
	ev := event(job)
	step := func(s Store) (batch.Job, error) {
		return s.Transition(m.ctx, id, func(j batch.Job) (batch.Job, error) {
			next, _, err := lifecycle.Step(j, ev, at)
			return next, err
		})
	}
	tried := m.unwell(func(s Store) error {
		_, err := step(s)
		return err
	})
	switch {
	case !tried:
		sameJob(m, fmt.Sprintf("%T of %s", ev, id), step)
	case m.isBehind(id): // it was done, whatever the caller was told
		if _, err := step(m.stores[0]); err != nil {
			m.Fatalf("%T of %s was done: %v", ev, id, err)
		}
		sameJob(m, "what is left of "+id, func(s Store) (batch.Job, error) { return s.Job(m.ctx, id) })
	}
}

// unwell does something, now and then, to the store alone while a request of it fails, and reports whether it did.
func (m *model) unwell(do func(Store) error) bool {
	if m.faults == nil || rapid.IntRange(0, 3).Draw(m.T, "unwell") > 0 {
		return false
	}
	m.faults.FailIn(rapid.IntRange(1, 3).Draw(m.T, "request"), rapid.Bool().Draw(m.T, "after"))
	err := do(m.stores[1])
	if m.faults.Heal() && err == nil {
		m.Fatal("a request failed, and the call did not")
	}
	return true
}

// isBehind reports whether the store knows of a change that Memory does not.
func (m *model) isBehind(id string) bool {
	var jobs [2]batch.Job
	for i, s := range m.stores {
		jobs[i], _ = s.Job(m.ctx, id)
		if jobs[i].ArraySize > 0 {
			jobs[i].Version = 0
		}
	}
	return !cmp.Equal(jobs[0], jobs[1], modelOptions...)
}

// event draws any event, fit for the job or not.
func (m *model) event(job batch.Job) lifecycle.Event {
	n := len(job.Attempts) + rapid.IntRange(0, 1).Draw(m.T, "attempt")
	return rapid.SampledFrom([]lifecycle.Event{
		lifecycle.Cancelled{Reason: "c"},
		lifecycle.Terminated{Reason: "t"},
		lifecycle.Blocked{Reason: rapid.SampledFrom([]string{"", "CAPACITY:X - y", "CAPACITY:X - z", "OTHER - y"}).Draw(m.T, "blocked")},
		lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "p"},
		lifecycle.Withdrawn{Attempt: n},
		m.bound(n),
		lifecycle.Started{Attempt: n, At: at},
		lifecycle.TimedOut{Attempt: n},
		lifecycle.Rejected{Attempt: n, Reason: "r"},
		lifecycle.StartFailed{Attempt: n, Reason: "CannotPullContainerError: x"},
		lifecycle.Ended{Attempt: n, Succeeded: true, StatusReason: lifecycle.ReasonExited},
		lifecycle.Ended{Attempt: n, StatusReason: lifecycle.ReasonExited},
		lifecycle.ChildrenEnded{},
		m.dependencyEnded(job),
	}).Draw(m.T, "event")
}

// dependencyEnded draws the end of something that the job waits for. A child hears of it only once its array waits for
// nothing.
func (m *model) dependencyEnded(job batch.Job) lifecycle.Event {
	ev := lifecycle.DependencyEnded{Succeeded: rapid.Bool().Draw(m.T, "succeeded")}
	if job.IsChild() {
		ref, err := batch.ParseJobID(job.ID)
		if err != nil {
			m.Fatal(err)
		}
		array, err := m.stores[0].Job(m.ctx, ref.Job)
		if err != nil || len(array.Unmet) > 0 {
			return lifecycle.ChildrenEnded{} // changes nothing
		}
	}
	if len(job.Unmet) > 0 {
		ev.JobID = rapid.SampledFrom(job.Unmet).Draw(m.T, "met")
	}
	return ev
}

func (m *model) changeTags() {
	if job, ok := m.job(anyJob); ok {
		tags := map[string]string{"k": rapid.SampledFrom([]string{"v", "w"}).Draw(m.T, "tag")}
		sameJob(m, "tags", func(s Store) (batch.Job, error) {
			return s.Transition(m.ctx, job.ID, func(j batch.Job) (batch.Job, error) { j.Tags = tags; return j, nil })
		})
	}
}

func (m *model) list() {
	m.compareList(m.queue(), rapid.SampledFrom(batch.JobStatuses[:]).Draw(m.T, "status"), m.limit())
}

func (m *model) compareList(q batch.JobQueue, of batch.JobStatus, limit int) {
	sameJobs(m, "list", func(s Store) ([]batch.Job, error) {
		return pages(func(after string) ([]batch.Job, string, error) { return s.ListJobs(m.ctx, q.Number, of, after, limit) })
	})
}

// pages gives all jobs of all pages.
func pages(page func(after string) ([]batch.Job, string, error)) ([]batch.Job, error) {
	var out []batch.Job
	for after := ""; ; {
		jobs, next, err := page(after)
		out = append(out, jobs...)
		if err != nil || next == "" {
			return out, err
		}
		after = next
	}
}

func (m *model) listChildren() {
	if job, ok := m.job(anyJob); ok {
		of := rapid.SampledFrom(append([]batch.JobStatus{""}, batch.JobStatuses[:]...)).Draw(m.T, "status")
		m.compareChildren(job.ID, of, m.limit())
	}
}

func (m *model) compareChildren(id string, of batch.JobStatus, limit int) {
	sameJobs(m, "children of "+id, func(s Store) ([]batch.Job, error) {
		var out []batch.Job
		for from := 0; from >= 0; {
			jobs, next, err := s.ListChildren(m.ctx, id, of, from, limit)
			if err != nil {
				return nil, err
			}
			out, from = append(out, jobs...), next
		}
		return out, nil
	})
}

func (m *model) waitingIn() { m.compareWaitingIn(m.queue(), m.share(), m.limit()) }

func (m *model) compareWaitingIn(q batch.JobQueue, share string, limit int) {
	sameJobs(m, "waiting in "+share, func(s Store) ([]batch.Job, error) {
		return pages(func(after string) ([]batch.Job, string, error) {
			return s.WaitingIn(m.ctx, q.Number, share, after, limit)
		})
	})
}

func (m *model) position() {
	id := m.anyID()
	same(m, "position of "+id, func(s Store) ([2]int, error) {
		ahead, of, err := s.Position(m.ctx, id)
		return [2]int{ahead, of}, err
	})
}

func (m *model) forgetShare() {
	q, share := m.queue(), m.share()
	m.both("forget share", func(s Store) error { return s.ForgetShare(m.ctx, q.Number, share) })
}

func (m *model) settle() {
	id := m.anyID()
	m.both("settle", func(s Store) error { return s.Settle(m.ctx, id) })
}

// unsettle forgets the mark of one id in both stores.
func (m *model) unsettle() {
	q := m.queue()
	marks := same(m, "settled", func(s Store) ([]batch.Settled, error) { return m.settled(s, q) })
	if len(marks) == 0 {
		return
	}
	i := rapid.IntRange(0, len(marks)-1).Draw(m.T, "mark")
	m.both("unsettle", func(s Store) error {
		marks, err := m.settled(s, q)
		if err != nil {
			return err
		}
		return s.Unsettle(m.ctx, marks[i])
	})
}

// settled gives the marks by id: one transition may set several, in no order among themselves.
func (m *model) settled(s Store, q batch.JobQueue) ([]batch.Settled, error) {
	marks, err := s.Settled(m.ctx, q.Number, 0, 1000)
	slices.SortFunc(marks, func(a, b batch.Settled) int { return strings.Compare(a.ID, b.ID) })
	return marks, err
}

func (m *model) removeDependent() {
	on := m.anyID()
	all := m.compareDependents(on)
	if len(all) == 0 {
		return
	}
	gone := rapid.SampledFrom(all).Draw(m.T, "dependent")
	m.both("remove dependent", func(s Store) error { return s.RemoveDependent(m.ctx, on, gone) })
}

func (m *model) compareDependents(on string) []batch.Dependent {
	return same(m, "dependents of "+on, func(s Store) ([]batch.Dependent, error) { return s.Dependents(m.ctx, on) })
}

func (m *model) take() {
	job, ok := m.job(isSingle)
	if !ok {
		return
	}
	wants := []batch.ConsumableRequirement{
		{Name: rapid.SampledFrom([]string{"0", "none"}).Draw(m.T, "resource"), Quantity: 2}, {Name: "1", Quantity: 1},
	}
	same(m, "take", func(s Store) (string, error) {
		return s.TakeConsumables(m.ctx, batch.AttemptID(job.ID, 1), wants)
	})
}

func (m *model) giveBack() {
	job, ok := m.job(isSingle)
	if !ok {
		return
	}
	spent := rapid.Bool().Draw(m.T, "spent")
	m.both("give back", func(s Store) error { return s.ReturnConsumables(m.ctx, batch.AttemptID(job.ID, 1), spent) })
}

// compareAll compares all that the stores know.
func (m *model) compareAll() {
	for _, q := range m.queues {
		for _, of := range batch.JobStatuses {
			m.compareList(q, of, 3)
		}
		shares := same(m, "shares", func(s Store) ([]string, error) { return s.Shares(m.ctx, q.Number) })
		same(m, "waiting shares", func(s Store) ([]string, error) { return s.WaitingShares(m.ctx, q.Number) })
		for _, share := range shares {
			m.compareWaitingIn(q, share, 3)
		}
		same(m, "usage", func(s Store) (map[string]int64, error) { return s.Usage(m.ctx, q.Number) })
		same(m, "share usage", func(s Store) (map[string]int64, error) { return s.ShareUsage(m.ctx, q.Number) })
		same(m, "live", func(s Store) ([]string, error) {
			live, err := s.Live(m.ctx, q.Number)
			slices.Sort(live)
			return live, err
		})
		same(m, "settled", func(s Store) ([]batch.Settled, error) { return m.settled(s, q) })
		same(m, "changes", func(s Store) ([]batch.StatusChange, error) { return s.StatusChanges(m.ctx, q.Number, "", 1000) })
		sameJobs(m, "consumers", func(s Store) ([]batch.Job, error) {
			return pages(func(after string) ([]batch.Job, string, error) {
				return s.ListConsumers(m.ctx, q.Number, "1", after, 3)
			})
		})
	}
	for _, job := range m.jobs {
		sameJob(m, "job", func(s Store) (batch.Job, error) { return s.Job(m.ctx, job.ID) })
		m.compareDependents(job.ID)
		m.compareChildren(job.ID, "", 3)
	}
	same(m, "spending", func(s Store) ([]batch.Spending, error) {
		all, err := s.Spending(m.ctx, []int{m.queues[0].Number, m.queues[1].Number})
		for i := range all {
			all[i].Hours = nil // one store may have written before the hour was full, the other after
		}
		return all, err
	})
	same(m, "holders", func(s Store) ([]string, error) { return s.ConsumableHolders(m.ctx) })
	same(m, "consumables", func(s Store) ([]batch.ConsumableResource, error) { return s.Consumables(m.ctx) })
}
