// SPDX-License-Identifier: Apache-2.0

package podwatch

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// member is a pod as what it is to its job.
type member struct {
	pod     *corev1.Pod
	attempt int  // from 1
	node    int  // index of a multi-node job's node, else 0
	lost    bool // its host is gone, and it had not ended before
	late    bool // its host had been given up when it came there
}

// isOver reports whether no container of the pod runs or will run, and that is the end of its attempt.
func (m member) isOver() bool { return m.lost || isFinished(m.pod) && !isTakenBack(m.pod) }

// isTakenBack reports whether a pod was deleted before it had a node. Its attempt has not begun, though Kubernetes calls the pod
// Failed when it finds it so, every 20 seconds: it may wait for its finalizer that long while nobody leads here.
func isTakenBack(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil && pod.Spec.NodeName == ""
}

// ownerOf names the job, or the child of an array, whose pod it is; empty if the pod is none of ours.
func ownerOf(pod *corev1.Pod) string {
	id := pod.Labels[batchmeta.JobID]
	index, isChild := pod.Labels[batchmeta.ArrayIndex]
	if !isChild {
		return id
	}
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 {
		return ""
	}
	return batch.ChildID(id, i)
}

// membersOf leaves out pods that are none of ours.
func membersOf(pods []*corev1.Pod) []member {
	members := make([]member, 0, len(pods))
	for _, pod := range pods {
		attempt, err := strconv.Atoi(pod.Labels[batchmeta.Attempt])
		if err != nil || attempt < 1 {
			continue
		}
		node := 0
		if index, ok := pod.Labels[batchmeta.NodeIndex]; ok {
			if node, err = strconv.Atoi(index); err != nil {
				continue
			}
		}
		members = append(members, member{pod: pod, attempt: attempt, node: node})
	}
	return members
}

// isGang reports whether the pod is one of a multi-node job's.
func isGang(pod *corev1.Pod) bool {
	_, ok := pod.Labels[batchmeta.NodeIndex]
	return ok
}

// isElsewhere reports whether the job's current attempt has its pods in another cluster.
func (w *Watcher) isElsewhere(job batch.Job) bool {
	return job.Current != nil && !w.cfg.Owns(job.Current.Cluster)
}

// isMine reports whether the attempt is the job's current one.
func isMine(job batch.Job, attempt int) bool {
	return job.Current != nil && job.Current.Number == attempt
}

// current are the members of the attempt that is under way, the main node's last: its end would hide the others'.
func current(job batch.Job, members []member) []member {
	var others, main []member
	for _, m := range members {
		switch {
		case !isMine(job, m.attempt), isReplaced(job, m):
		case m.node == job.MainNode:
			main = append(main, m)
		case m.node >= 0 && m.node < len(job.Current.Nodes):
			others = append(others, m)
		}
	}
	return append(others, main...)
}

// isReplaced reports whether another pod has taken the place of this one, which was lost.
func isReplaced(job batch.Job, m member) bool {
	if !job.IsMultiNode() || m.node < 0 || m.node >= len(job.Current.Nodes) {
		return false
	}
	n := job.Current.Nodes[m.node]
	return n.Replaced > 0 && n.PodName != m.pod.Name
}

// nodeOf is what the current attempt knows of a node: of the job's only one, if it is not a multi-node job.
func nodeOf(job batch.Job, node int) batch.NodeAttempt {
	if job.IsMultiNode() {
		return job.Current.Nodes[node]
	}
	a := job.Current
	return batch.NodeAttempt{
		Status: job.Status, PodName: a.PodName, NodeName: a.NodeName, InstanceID: a.InstanceID,
		Host: a.Host, StartedAt: a.StartedAt, StatusReason: a.StatusReason,
	}
}

// nodesOf are the indices of the current attempt's nodes, the main node's last.
func nodesOf(job batch.Job) []int {
	var out []int
	for i := range job.Current.Nodes {
		if i != job.MainNode {
			out = append(out, i)
		}
	}
	return append(out, job.MainNode)
}
