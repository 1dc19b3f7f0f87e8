// SPDX-License-Identifier: Apache-2.0

//go:build integration && crashpoints

package crash

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

// describe gives jobs by id, those that are forgotten left out.
func (l *workload) describe(ctx context.Context, ids []string) (map[string]types.JobDetail, error) {
	out := map[string]types.JobDetail{}
	for page := range slices.Chunk(ids, 100) {
		reply, err := l.api.DescribeJobs(ctx, &sdk.DescribeJobsInput{Jobs: page})
		if err != nil {
			return nil, err
		}
		for _, job := range reply.Jobs {
			out[aws.ToString(job.JobId)] = job
		}
	}
	return out, nil
}

func (l *workload) ids() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]string, len(l.jobs))
	for i, job := range l.jobs {
		ids[i] = job.id
	}
	return ids
}

// isQuiet reports whether all that was asked for is done and over; why not, else.
func (l *workload) isQuiet() (quiet bool, why string) {
	ctx, cancel := context.WithTimeout(l.ctx, time.Second) // the program may be dead
	defer cancel()
	jobs, err := l.describe(ctx, l.ids())
	if err != nil {
		return false, err.Error()
	}
	for id, job := range jobs {
		if l.forgets {
			return false, fmt.Sprintf("job %s is not forgotten", id)
		}
		if !slices.Contains(ends, job.Status) {
			return false, fmt.Sprintf("job %s is %s: %s", id, job.Status, aws.ToString(job.StatusReason))
		}
	}
	for _, pod := range l.kubelets.podsOf(l.name) {
		return false, fmt.Sprintf("pod %s is there: phase %s, node %q, finalizers %v, deletion %v",
			pod.Name, pod.Status.Phase, pod.Spec.NodeName, pod.Finalizers, pod.DeletionTimestamp)
	}
	resource, err := l.api.DescribeConsumableResource(ctx, &sdk.DescribeConsumableResourceInput{ConsumableResource: aws.String(licence)})
	if err != nil {
		return false, err.Error()
	}
	if inUse := aws.ToInt64(resource.InUseQuantity); inUse != 0 {
		return false, fmt.Sprintf("%d licences are in use", inUse)
	}
	return true, ""
}

// check gives what should not be, once all is quiet.
func (l *workload) check() []string {
	var wrong []string
	l.mu.Lock()
	for _, err := range l.errs {
		wrong = append(wrong, "not acknowledged: "+err.Error())
	}
	jobs := slices.Clone(l.jobs)
	l.mu.Unlock()
	if !l.forgets {
		wrong = append(wrong, l.checkJobs(jobs)...)
	}
	wrong = append(wrong, checkRuns(l.ledger.take(), jobs)...)
	return append(wrong, l.checkOrder()...)
}

// checkJobs: each acknowledged job is there and has ended as it must.
func (l *workload) checkJobs(jobs []expected) (wrong []string) {
	all := map[string]expected{}
	for _, job := range jobs {
		all[job.id] = job
		for i := range job.children {
			id := batch.ChildID(job.id, i)
			all[id] = expected{id: id, want: job.want, attempts: job.attempts}
		}
	}
	found, err := l.describe(l.ctx, slices.Collect(maps.Keys(all)))
	if err != nil {
		return []string{err.Error()}
	}
	for id, job := range all {
		got, ok := found[id]
		switch {
		case !ok:
			wrong = append(wrong, "lost: job "+id)
		case !slices.Contains(job.want, got.Status):
			wrong = append(wrong, fmt.Sprintf("job %s ended %s, want %v: %s", id, got.Status, job.want, aws.ToString(got.StatusReason)))
		case job.children == 0 && job.attempts >= 0 && attemptsOf(&got) != job.attempts:
			wrong = append(wrong, fmt.Sprintf("job %s took %d attempts, want %d", id, attemptsOf(&got), job.attempts))
		}
	}
	return wrong
}

// checkRuns: no two pods of a job, child or node lived at once, none ran after one that succeeded or twice for an attempt, and
// none of a job of which nobody was told.
func checkRuns(runs []*run, jobs []expected) (wrong []string) {
	slices.SortFunc(runs, func(a, b *run) int { return a.begun.Compare(b.begun) })
	last := map[string]*run{}
	for _, r := range runs {
		if !slices.ContainsFunc(jobs, func(e expected) bool { return e.id == r.job }) {
			wrong = append(wrong, "pod "+r.pod+" is of a job that was never acknowledged")
		}
		if r.ended.IsZero() {
			wrong = append(wrong, "pod "+r.pod+" is gone and never ended")
			r.ended = time.Now()
		}
		before := last[r.slot]
		last[r.slot] = r
		switch {
		case before == nil:
		case r.begun.Before(before.ended):
			wrong = append(wrong, fmt.Sprintf("pods %s and %s ran at once", before.pod, r.pod))
		case before.succeeded:
			wrong = append(wrong, fmt.Sprintf("pod %s ran after %s had succeeded", r.pod, before.pod))
		case r.attempt <= before.attempt:
			wrong = append(wrong, fmt.Sprintf("pod %s is of attempt %d, after %d", r.pod, r.attempt, before.attempt))
		}
	}
	return wrong
}

// follows is which status may come after which; see lifecycle. A retry and a withdrawal go back to RUNNABLE.
var follows = map[batch.JobStatus][]batch.JobStatus{
	"":                    {batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable, batch.StatusFailed},
	batch.StatusSubmitted: {batch.StatusPending, batch.StatusRunnable, batch.StatusFailed},
	batch.StatusPending:   {batch.StatusRunnable, batch.StatusStarting, batch.StatusRunning, batch.StatusSucceeded, batch.StatusFailed},
	batch.StatusRunnable:  {batch.StatusPending, batch.StatusStarting, batch.StatusRunning, batch.StatusSucceeded, batch.StatusFailed},
	batch.StatusStarting:  {batch.StatusRunnable, batch.StatusRunning, batch.StatusSucceeded, batch.StatusFailed},
	batch.StatusRunning:   {batch.StatusRunnable, batch.StatusSucceeded, batch.StatusFailed},
}

// checkOrder looks at what the outboxes of all queues have told since they were looked at last: each change follows from the
// one before it, so nothing leaves a terminal status, and none is told twice.
func (w *world) checkOrder() (wrong []string) {
	ctx := context.WithoutCancel(w.t.Context())
	store := redisstore.New(w.redis, redisstore.Config{})
	queues, err := store.Queues(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	for _, q := range queues {
		for {
			changes, err := store.StatusChanges(ctx, q.Number, w.cursors[q.Number], 500)
			if err != nil {
				return append(wrong, err.Error())
			}
			for _, c := range changes {
				w.cursors[q.Number] = c.Cursor
				wrong = append(wrong, w.follow(c)...)
			}
			if len(changes) < 500 {
				break
			}
		}
	}
	return wrong
}

func (w *world) follow(c batch.StatusChange) (wrong []string) {
	before := w.statuses[c.JobID]
	w.statuses[c.JobID] = c.To
	isChild := strings.Contains(c.JobID, ":")
	if isChild && before == "" { // until then it was told with its array
		before = c.From
	}
	switch {
	case before != c.From:
		return []string{fmt.Sprintf("job %s went from %q to %s, but was %q", c.JobID, c.From, c.To, before)}
	case c.From == c.To: // blocked for another reason
		return nil
	case slices.Contains(follows[c.From], c.To):
		return nil
	default:
		return []string{fmt.Sprintf("job %s went from %q to %s", c.JobID, c.From, c.To)}
	}
}

// leftovers are what a world must not have once its cases are over.
func (w *world) leftovers() (left []string) {
	ctx := context.WithoutCancel(w.t.Context())
	store := redisstore.New(w.redis, redisstore.Config{})
	queues, err := store.Queues(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	for _, q := range queues {
		live, err := store.Live(ctx, q.Number)
		if err != nil || len(live) > 0 {
			left = append(left, fmt.Sprintf("attempts of queue %s: %v %v", q.Name, live, err))
		}
		usage, err := store.Usage(ctx, q.Number)
		for environment, milli := range usage {
			if milli != 0 {
				left = append(left, fmt.Sprintf("queue %s holds %d of %s", q.Name, milli, environment))
			}
		}
		if err != nil {
			left = append(left, err.Error())
		}
	}
	var findings []string
	w.await("the store breaks no rule", func() bool { // the last cases may leave something to be mended
		findings = nil
		_, err := store.Audit(ctx, false, func(f batch.Finding) {
			findings = append(findings, fmt.Sprintf("the store breaks rule %s: %s %s %s", f.Check, f.Key, f.Job, f.Detail))
		}, func(context.Context) error { return nil })
		return err == nil && len(findings) == 0
	})
	left = append(left, findings...)
	w.await("the gangs' addresses are collected", func() bool {
		list, err := w.kubelets.client.CoreV1().ConfigMaps(w.name).List(ctx, metav1.ListOptions{LabelSelector: batchmeta.JobID})
		return err == nil && len(list.Items) == 0
	})
	return left
}

// attemptsOf: those of multi-node jobs are told in the other member.
func attemptsOf(job *types.JobDetail) int { return len(job.EksAttempts) + len(job.Attempts) }
