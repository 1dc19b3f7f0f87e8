// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// maxClaims bounds what is remembered of pods that are gone.
const maxClaims = 4096

// claimed is the job that an Event about a pod that is gone says it is about, by its labels, if the job's record has a pod of that name;
// else it is empty: labels are no proof, as tenants may write Events, too.
func (v *View) claimed(ctx context.Context, e *corev1.Event) string {
	name := podName{e.InvolvedObject.Namespace, e.InvolvedObject.Name}
	id := e.Labels[batchmeta.JobID]
	if index := number(e.Labels[batchmeta.ArrayIndex]); index >= 0 {
		id = batch.ChildID(id, index)
	}
	key := claim{name, id}
	if known, ok := v.claims.Get(key); ok {
		had, _ := known.(bool)
		return idIf(had, id)
	}
	if _, err := batch.ParseJobID(id); err != nil {
		return ""
	}
	job, err := v.store.Job(ctx, id)
	if err != nil && !errors.Is(err, batch.ErrNotFound) {
		klog.FromContext(ctx).V(2).Info("Job of an event is not known", "job", id, "err", err)
		return ""
	}
	had := err == nil && hadPod(&job, name)
	if had || err != nil || job.Status.IsTerminal() { // else it may have one yet: an admission that is taken back leaves no trace
		v.claims.Add(key, had)
	}
	return idIf(had, id)
}

// claim is that a pod was of a job.
type claim struct {
	pod podName
	job string
}

func idIf(is bool, id string) string {
	if is {
		return id
	}
	return ""
}

// hadPod reports whether a job's record has a pod.
func hadPod(job *batch.Job, name podName) bool {
	attempts := job.Attempts
	if job.Current != nil {
		attempts = append(slices.Clip(attempts), *job.Current)
	}
	return slices.ContainsFunc(attempts, func(a batch.Attempt) bool {
		is := func(pod string) bool { return pod == name.name }
		return a.PodNamespace == name.namespace &&
			(is(a.PodName) || slices.ContainsFunc(a.Nodes, func(n batch.NodeAttempt) bool { return is(n.PodName) }))
	})
}
