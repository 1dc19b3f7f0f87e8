// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"

	"github.com/muster-batch/muster/queue-api/batch"
)

// AWS Batch: the main node decides a multi-node job; what happens to any other node changes that node only.

func isCurrent(job batch.Job, attempt int) bool {
	return job.Current != nil && job.Current.Number == attempt
}

// decides reports whether the pod of this attempt and node decides the job: the main node's, or a single-pod job's only one.
func decides(job batch.Job, attempt, node int) bool {
	return isCurrent(job, attempt) && node == job.MainNode
}

// otherNode is the record of a node that does not decide its job; nil if it is not one of the current attempt's.
func otherNode(job batch.Job, attempt, node int) *batch.NodeAttempt {
	if !isCurrent(job, attempt) || node == job.MainNode || node < 0 || node >= len(job.Current.Nodes) {
		return nil
	}
	return &job.Current.Nodes[node]
}

// isPartlyBound reports whether a pod of the current attempt has a node.
func isPartlyBound(job batch.Job) bool {
	return slices.ContainsFunc(job.Current.Nodes, func(n batch.NodeAttempt) bool { return n.Status != batch.StatusRunnable })
}

// noteMain repeats the main node's part of a multi-node attempt in its list of nodes.
func noteMain(a *batch.Attempt, mainNode int, status batch.JobStatus) {
	if a.Nodes != nil {
		a.Nodes[mainNode] = nodeOf(*a, status)
	}
}

// closeNodes ends the nodes that still run when the main node ended: they are stopped, for its reason, and their exit codes
// are not waited for.
func closeNodes(done *batch.Attempt, mainNode int, outcome batch.JobStatus) {
	noteMain(done, mainNode, outcome)
	for i := range done.Nodes {
		n := &done.Nodes[i]
		if !n.StoppedAt.IsZero() {
			continue
		}
		n.Status, n.StoppedAt = outcome, later(done.StoppedAt, n.StartedAt)
		if n.StatusReason == "" {
			n.StatusReason = done.StatusReason
		} else { // StartFailed knew better
			n.Status = batch.StatusFailed
		}
	}
}

// closeNode ends one node as an attempt of its own was closed.
func closeNode(n *batch.NodeAttempt, done batch.Attempt, outcome batch.JobStatus) {
	past := n.Past
	*n = nodeOf(done, outcome)
	n.Past = past
}

// nodeOf is the part of an attempt that is one node's.
func nodeOf(a batch.Attempt, status batch.JobStatus) batch.NodeAttempt {
	return batch.NodeAttempt{
		Status: status, PodName: a.PodName, NodeName: a.NodeName, InstanceID: a.InstanceID, Host: a.Host,
		StartedAt: a.StartedAt, StoppedAt: a.StoppedAt, StatusReason: a.StatusReason,
		Containers: a.Containers, InitContainers: a.InitContainers,
	}
}

// attemptOf is a node as an attempt of its own.
func attemptOf(n batch.NodeAttempt) batch.Attempt {
	return batch.Attempt{
		PodName: n.PodName, NodeName: n.NodeName, InstanceID: n.InstanceID, Host: n.Host,
		StartedAt: n.StartedAt, StoppedAt: n.StoppedAt, StatusReason: n.StatusReason,
		Containers: n.Containers, InitContainers: n.InitContainers,
	}
}
