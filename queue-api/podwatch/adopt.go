// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// A store that was lost, or went back in time, knows less than the pods. Each pod tells its job (podspec.Record): what is
// unknown is made again, and what is older than its pod is moved on. Nothing of it is stopped, whatever cannot be read is
// left alone, and nothing is admitted before all pods were looked at once: Adopt comes before the dispatcher.

// reasonQueueAdopted is a queue's that was made again.
const reasonQueueAdopted = "Adopted from the pods of its jobs: the record was lost. Its priority, policy and environments must be set again"

// adoptPage is how many jobs Adopt asks the store for at once.
const adoptPage = 500

// Adopt looks once at the job of every pod. It is called before anything is admitted.
func (w *Watcher) Adopt(ctx context.Context) error {
	var ids []string
	for _, pod := range w.pods.All() {
		if id := ownerOf(pod); id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for page := range slices.Chunk(slices.Compact(ids), adoptPage) {
		jobs, err := w.store.Jobs(ctx, page)
		if err != nil {
			return fmt.Errorf("adopt pods: %w", err)
		}
		known := make(map[string]*batch.Job, len(jobs))
		for i := range jobs {
			known[jobs[i].ID] = &jobs[i]
		}
		for _, id := range page {
			members := membersOf(w.pods.OfJob(id))
			if job := known[id]; job != nil {
				_, err = w.moveOn(ctx, *job, members)
			} else {
				_, err = w.adopt(ctx, id, members)
			}
			if isRefused(err) { // one job's trouble is not to hold up the others
				w.report(ctx, id, "it cannot be adopted, its pods are kept: "+err.Error(), false)
			} else if err != nil {
				return fmt.Errorf("adopt pods of job %s: %w", id, err)
			}
		}
	}
	return nil
}

// isRefused reports whether the store was asked and would not have it.
func isRefused(err error) bool {
	for _, refusal := range []error{batch.ErrNotFound, batch.ErrExists, batch.ErrLimit, batch.ErrConflict, lifecycle.ErrIllegalTransition} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// newest is the highest attempt of which there is a pod.
func newest(members []member) int {
	n := 0
	for _, m := range members {
		n = max(n, m.attempt)
	}
	return n
}

// moveOn brings a job to the attempt of its newest pod, if its record is older.
func (w *Watcher) moveOn(ctx context.Context, job batch.Job, members []member) (batch.Job, error) {
	known := len(job.Attempts)
	if job.Current != nil {
		known = job.Current.Number
	}
	if job.Status.IsTerminal() || newest(members) <= known {
		return job, nil
	}
	_, ev, err := w.claim(ctx, job.ID, members, known)
	if err != nil || ev == nil {
		return job, err
	}
	w.report(ctx, job.ID, fmt.Sprintf("its record knows of attempt %d, its pod is of attempt %d", known, ev.Attempt), true)
	return w.play(ctx, job, []lifecycle.Event{*ev})
}

// adopt makes the record of a job again of which there are pods that were not settled. It is not done if none of them tells
// what it is of.
func (w *Watcher) adopt(ctx context.Context, id string, members []member) (done bool, err error) {
	unsettled := slices.DeleteFunc(slices.Clone(members), func(m member) bool { return !slices.Contains(m.pod.Finalizers, batchmeta.Tracking) })
	record, ev, err := w.claim(ctx, id, unsettled, 0)
	if err != nil || ev == nil {
		return false, err
	}
	number, err := batch.QueueNumber(id)
	if err != nil {
		return false, nil //nolint:nilerr // no queue ever gave this id
	}
	err = w.restoreQueue(ctx, number, record)
	if errors.Is(err, batch.ErrExists) || errors.Is(err, batch.ErrNotFound) {
		w.report(ctx, id, "its record is lost, and its queue "+record.Job.Queue+" was deleted, or is another one now: the pod is kept", false)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := w.restore(ctx, number, record.Job); err != nil {
		return false, err
	}
	job, err := w.store.Job(ctx, id)
	if err != nil {
		return false, err
	}
	w.report(ctx, id, "its record was lost and is made again from its pod", true)
	_, err = w.play(ctx, job, []lifecycle.Event{*ev})
	return err == nil, err
}

// restore stores a job as it was submitted, or the array that it is a child of.
func (w *Watcher) restore(ctx context.Context, number int, job batch.Job) error {
	if job.IsChild() {
		ref, err := batch.ParseJobID(job.ID)
		if err != nil {
			return err
		}
		job = lifecycle.AdoptArray(job, ref.Job, w.cfg.Clock.Now())
	} else {
		job.Status, job.DependsOn = batch.StatusSubmitted, nil // what it waited for has ended
	}
	_, err := w.store.Submit(ctx, number, job)
	return err
}

// restoreQueue stores a job's queue again if it is lost. It takes no submissions before somebody looked at it.
func (w *Watcher) restoreQueue(ctx context.Context, number int, record podspec.Record) error {
	return w.store.RestoreQueue(ctx, batch.JobQueue{
		Name: record.Job.Queue, Number: number, State: batch.Disabled, Status: batch.ResourceValid, StatusReason: reasonQueueAdopted,
		Environments: []batch.EnvironmentOrder{{Order: 1, Name: record.Environment}},
	})
}

// claim reads what the pods of the newest attempt beyond known say of their job; ev is nil if none says anything that can be
// relied on. The API server is asked: the cache does not have it all, and has pods that are gone.
func (w *Watcher) claim(ctx context.Context, id string, members []member, known int) (record podspec.Record, ev *lifecycle.Adopted, err error) {
	attempt := newest(members)
	for _, m := range members {
		if m.attempt != attempt || attempt <= known {
			continue
		}
		pod, err := w.pods.Live(ctx, m.pod.Namespace, m.pod.Name)
		if err != nil {
			return record, nil, err
		}
		if pod == nil || pod.UID != m.pod.UID || pod.DeletionTimestamp != nil && pod.Spec.NodeName == "" {
			continue // gone, or going before it was anything
		}
		said, err := podspec.ReadRecord(pod.Annotations[batchmeta.Job])
		if err != nil || said.Attempt != attempt || !isSound(said, id) || said.Node == nil && pod.Name != podspec.PodName(id, attempt) {
			klog.FromContext(ctx).V(2).Info("Pod of an unknown job does not tell what it is of", "pod", klog.KObj(pod), "job", id, "err", err)
			continue
		}
		if ev == nil || record.Partial && !said.Partial {
			record, ev = said, w.adopted(said, pod)
		}
	}
	if ev != nil {
		nameNodes(ev, id, members)
	}
	return record, ev, nil
}

// Bounds of what a pod may say: whoever may change pods may change it.
const (
	maxAdoptedChildren = 1 << 20
	maxAdoptedNodes    = 1 << 14
)

// isSound reports whether a record can be that of a job.
func isSound(record podspec.Record, id string) bool {
	const versionAt, version = 14, '4' // of the UUIDs that jobs have
	job := record.Job
	ref, err := batch.ParseJobID(id)
	if err != nil || job.ID != id || ref.Node >= 0 || ref.Job[versionAt] != version || job.Queue == "" || record.Environment == "" {
		return false
	}
	isChild := job.ArraySize > 0 && job.ArraySize <= maxAdoptedChildren && job.ArrayIndex != nil && *job.ArrayIndex == ref.Child && ref.Child < job.ArraySize
	isWhole := job.ArraySize == 0 && job.ArrayIndex == nil
	isGang := job.NumNodes > 0 && job.NumNodes <= maxAdoptedNodes && record.Node != nil
	isSingle := job.NumNodes == 0 && record.Node == nil
	return (ref.Child >= 0 && isChild || ref.Child < 0 && isWhole) && (isGang || isSingle) &&
		job.MainNode >= 0 && job.MainNode <= max(0, job.NumNodes-1) && job.Requests.MilliVCPU >= 0 && job.Timeout >= 0
}

func (w *Watcher) adopted(record podspec.Record, pod *corev1.Pod) *lifecycle.Adopted {
	return &lifecycle.Adopted{
		Attempt: record.Attempt, ComputeEnvironment: record.Environment, Cluster: w.cfg.Cluster, PodName: pod.Name,
		PodNamespace: pod.Namespace, CreatedAt: pod.CreationTimestamp.UTC(), Nodes: make([]string, record.Job.NumNodes),
	}
}

// nameNodes names the pods of a multi-node job's nodes, those too that are not there: they would be made again.
func nameNodes(ev *lifecycle.Adopted, id string, members []member) {
	if len(ev.Nodes) == 0 {
		ev.Nodes = nil
		return
	}
	for i := range ev.Nodes {
		ev.Nodes[i] = podspec.PodName(batch.NodeID(id, i), ev.Attempt)
	}
	for _, m := range members {
		if m.attempt == ev.Attempt && m.node >= 0 && m.node < len(ev.Nodes) {
			ev.Nodes[m.node] = m.pod.Name
		}
	}
}

// report tells of a store that does not know what its pods know.
func (w *Watcher) report(ctx context.Context, job, detail string, mended bool) {
	f := batch.Finding{Check: batch.CheckPod, Job: job, Detail: detail, Mendable: mended, Mended: mended}
	klog.FromContext(ctx).Error(nil, "The store knows less than the pods", "job", f.Job, "detail", f.Detail, "repaired", f.Mended)
	if w.cfg.Found != nil {
		w.cfg.Found(f)
	}
}
