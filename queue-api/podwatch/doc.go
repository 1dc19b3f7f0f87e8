// SPDX-License-Identifier: Apache-2.0

// Package podwatch settles: it turns what happens to pods into the lives of their jobs. Start with Watcher. Only a leader
// watches; its store refuses the writes of an earlier one.
//
// For each job one of whose pods changed it reads the job, derives the events that the pods stand for (Bound, Started, Ended,
// …) and steps the job through those it has not seen yet, with one write for each change of status: the thousand pods of a
// multi-node job cost no more. A pod carries the finalizer muster.sh/tracking until its outcome is durable, so an exit code
// cannot be lost, and until its logs are kept, if somebody does that (Logs); afterwards the pod is kept for a while, for kubectl
// logs, and deleted.
//
// The pods of a multi-node job start together, and its main node decides. The other nodes' containers wait for a ConfigMap
// with the main node's address, which is made as soon as the main node's pod has one. A pod of such a job that is lost before
// it had a node is made again; when all are deleted the job waits again.
//
// A node that Kubernetes knows to be out of service takes its pods along at once; one whose end was announced shortens the time
// that stopped pods have left (host.go).
//
// Everything is derived again from pods and jobs at the start and every minute: a missed event heals by itself. A pod whose
// job is unknown, or older than the pod, is adopted (adopt.go): the job is made again from what the pod says of it. One of which
// that cannot be is kept.
//
// Each cluster has a Watcher, which settles the attempts that were admitted to it. The others are its neighbours': if a pod
// of one of their attempts should turn up in its own cluster it is stopped, so that no job runs twice. While a cluster
// does not answer, nothing is concluded of its pods, and its jobs stay as they are.
package podwatch
