// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// nodeOf makes a job of one node of a multi-node job: its id, its status, its part of each attempt, nothing that is the
// whole job's. Whatever shows a job can show it.
func nodeOf(job *batch.Job, index int) batch.Job {
	node := *job
	node.ID = batch.NodeID(job.ID, index)
	node.Current, node.Attempts, node.Tags, node.Consumables = nil, nil, nil, nil
	for i := range job.Attempts {
		node.Attempts = append(node.Attempts, nodeAttempt(&job.Attempts[i], index))
	}
	last := job.Current
	if ended, ok := lastEnded(job); ok && ended.StoppedAt.Equal(job.StoppedAt) { // the job ended with it
		last = &ended
	}
	if last == nil || index >= len(last.Nodes) { // the job waits, or ended while it did
		return node
	}
	n := &last.Nodes[index]
	node.Status, node.StatusReason, node.StartedAt, node.StoppedAt = n.Status, n.StatusReason, n.StartedAt, n.StoppedAt
	if job.Current == nil {
		return node
	}
	current := nodeAttempt(job.Current, index)
	if n.Status.IsTerminal() { // before its job
		node.Attempts = append(node.Attempts, current)
		return node
	}
	node.Current = &current
	if n.Status == batch.StatusRunnable {
		node.StatusReason = job.StatusReason
	}
	return node
}

// nodeAttempt is one node's part of an attempt.
func nodeAttempt(a *batch.Attempt, index int) batch.Attempt {
	out := *a
	out.Nodes = nil
	if index >= len(a.Nodes) {
		return out
	}
	n := &a.Nodes[index]
	out.PodName, out.NodeName, out.InstanceID = n.PodName, n.NodeName, n.InstanceID
	out.StartedAt, out.StoppedAt, out.StatusReason = n.StartedAt, n.StoppedAt, n.StatusReason
	out.Containers, out.InitContainers = n.Containers, n.InitContainers
	return out
}

// nodeSummary is ListJobs' view of a node. AWS Batch: it says which node it is and how many there are.
func nodeSummary(scope batch.Scope, job, node *batch.Job, index int) awsapi.JobSummary {
	s := jobSummary(scope, node, node.CreatedAt)
	s.NodeProperties = &awsapi.NodePropertiesSummary{
		IsMainNode: new(index == job.MainNode), NumNodes: &job.NumNodes, NodeIndex: &index,
	}
	s.CapacityUsage = nil
	return s
}
