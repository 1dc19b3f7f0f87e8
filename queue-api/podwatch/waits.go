// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
)

// Waits is what attempts have in common that do not run yet: their queue and why, a code of package explain.
type Waits struct {
	Queue string
	Code  explain.Code
}

// count counts, while a full reconcile reads all jobs that have attempts under way, those that do not run.
type count struct {
	watcher      *Watcher
	environments map[string]*batch.ComputeEnvironment
	waits        map[Waits]int
}

func (w *Watcher) newCount(ctx context.Context) (*count, error) {
	list, err := w.store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	c := &count{watcher: w, environments: make(map[string]*batch.ComputeEnvironment, len(list)), waits: map[Waits]int{}}
	for i := range list {
		c.environments[list[i].Name] = &list[i]
	}
	return c, nil
}

func (c *count) add(job *batch.Job) {
	isWaiting := job.Status == batch.StatusRunnable || job.Status == batch.StatusStarting
	if job.Current == nil || !isWaiting || c.watcher.isElsewhere(*job) {
		return
	}
	facts := explain.Facts{Now: c.watcher.cfg.Clock.Now(), Job: job, Look: &explain.Look{Scheduler: c.watcher.unscheduled(job)}}
	if e := c.environments[job.Current.ComputeEnvironment]; e != nil {
		facts.Home = &explain.Environment{ComputeEnvironment: e}
	}
	c.waits[Waits{job.Queue, facts.Code()}]++
}

// unscheduled is the scheduler's last word on the first pod of the attempt that has no node; empty if it said nothing.
func (w *Watcher) unscheduled(job *batch.Job) string {
	a := job.Current
	name := a.PodName
	if i := slices.IndexFunc(a.Nodes, func(n batch.NodeAttempt) bool { return n.NodeName == "" }); i >= 0 {
		name = a.Nodes[i].PodName
	}
	pod := w.pods.Get(a.PodNamespace, name)
	if pod == nil || pod.Spec.NodeName != "" {
		return ""
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Message
		}
	}
	return ""
}
