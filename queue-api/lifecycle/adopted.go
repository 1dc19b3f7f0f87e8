// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Reasons of what was found in the cluster and not in the store.
const (
	// ReasonUnknownEnd is an attempt's whose record was lost, and of which only a later attempt is left to tell.
	ReasonUnknownEnd = "Record of the attempt was lost"
	// ReasonAdopted is a job's that waits for the node of a pod that was found.
	ReasonAdopted = "Adopted from its pod: the record was lost, or older than the pod"
	// ReasonArrayAdopted is an array's whose record was lost, while children may still be found by their pods, and
	// ReasonChildLost that of the children that were not: whether they ran nobody can tell, so they are not run again.
	ReasonArrayAdopted = "Adopted from the pods of its children: the record was lost"
	ReasonChildLost    = "Record of the array was lost, and no pod of the child was found"
)

// Adopted says that there is a pod of an attempt which the record does not know: the record is older than the pod, or was made
// again from it. What became of the attempts in between is not known. It changes nothing in a job that has ended, or that
// knows the attempt.
type Adopted struct {
	Attempt            int
	ComputeEnvironment string
	Cluster            string // see batch.Attempt
	PodName            string // the main node's of a multi-node job
	PodNamespace       string
	// Nodes are the names of a multi-node job's pods by node index; nil for any other job.
	Nodes     []string
	CreatedAt time.Time // the pod
}

func (ev Adopted) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	known := len(job.Attempts)
	if job.Current != nil {
		known = job.Current.Number
	}
	if job.Status.IsTerminal() || ev.Attempt <= known {
		return job, nil, nil
	}
	if job.IsArray() || len(ev.Nodes) != job.NumNodes {
		return job, nil, illegal(job, ev)
	}
	for n := len(job.Attempts) + 1; n < ev.Attempt; n++ {
		gone := batch.Attempt{Number: n}
		if job.Current != nil {
			gone, job.Current = *job.Current, nil
		}
		gone.StatusReason, gone.StoppedAt = ReasonUnknownEnd, later(ev.CreatedAt, gone.StartedAt)
		job.Attempts = append(job.Attempts, gone)
	}
	job.Status, job.StatusReason, job.BlockedAt, job.Unmet = batch.StatusRunnable, ReasonAdopted, time.Time{}, nil
	job.Current = &batch.Attempt{
		Number: ev.Attempt, ComputeEnvironment: ev.ComputeEnvironment, Cluster: ev.Cluster,
		PodName: ev.PodName, PodNamespace: ev.PodNamespace, AdmittedAt: ev.CreatedAt,
	}
	for _, name := range ev.Nodes {
		job.Current.Nodes = append(job.Current.Nodes, batch.NodeAttempt{Status: batch.StatusRunnable, PodName: name})
	}
	return job, nil, nil
}

// AdoptArray is an array as it is made again from the record of one of its children. It waits for itself, so that no child of
// which nothing is known runs; GivenUp ends those.
func AdoptArray(child batch.Job, id string, now time.Time) batch.Job {
	array := child
	array.ID, array.ArrayIndex, array.DependsOn = id, nil, nil
	array.Status, array.StatusReason, array.BlockedAt = batch.StatusPending, ReasonArrayAdopted, now.UTC().Truncate(time.Millisecond)
	array.Unmet = []string{id}
	return array
}

// GivenUp says that children of an array that was adopted are looked for no more. Those without a record fail.
type GivenUp struct{ After time.Duration }

func (ev GivenUp) apply(job batch.Job, now time.Time) (batch.Job, []Effect, error) {
	if !IsAdoptedArray(job) || now.Before(job.BlockedAt.Add(ev.After)) {
		return job, nil, nil
	}
	job.Unmet, job.BlockedAt = nil, time.Time{}
	job.Rest = &batch.Rest{Reason: ReasonChildLost, StoppedAt: now}
	return job, nil, nil
}

// IsAdoptedArray reports whether an array was made again, and its children are still looked for.
func IsAdoptedArray(job batch.Job) bool {
	return job.IsArray() && job.Status == batch.StatusPending && job.Rest == nil && len(job.Unmet) == 1 && job.Unmet[0] == job.ID
}
