// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
)

// Clusters are the Kubernetes clusters that pods are made in. Their methods do not block.
type Clusters interface {
	// Of names the cluster of an environment, as batch.Attempt does.
	Of(e batch.ComputeEnvironment) string
	// Pods are those of a cluster. ok is false while nothing can be made or taken back there: the cluster is not registered,
	// is not reached, or what it has is not known yet.
	Pods(cluster string) (pods Pods, ok bool)
}

// Pods makes pods, and takes them back.
type Pods interface {
	// Create succeeds if the pod exists already. It fails with ErrRejected if the pod can never be made as it is, with
	// ErrRefused if somebody must change something in the cluster first, with batch.ErrNotSent if the cluster was not asked, and
	// with any other error if it may be tried again soon.
	Create(ctx context.Context, pod *corev1.Pod) error
	// Withdraw deletes a pod that has no node yet. It succeeds if the pod is gone, or has a node by then and stays.
	Withdraw(ctx context.Context, namespace, name string) error
}

var (
	// ErrRejected says that Kubernetes refuses a pod for what is in it.
	ErrRejected = errors.New(explain.PodInvalid)
	// ErrRefused says that Kubernetes refuses a pod for what is around it: a namespace, a quota, a right.
	ErrRefused = errors.New(explain.Refused)
)

// isReady reports whether pods can be made in the environment's cluster now.
func (d *Dispatcher) isReady(e batch.ComputeEnvironment) bool {
	_, ok := d.clusters.Pods(d.clusters.Of(e))
	return ok
}
