// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"errors"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
)

// Hosts finds the cluster of a compute environment.
type Hosts interface {
	// Host fails with ErrNoCluster, with ErrUnreachable, or with any other error if that cannot be told at the moment. It does
	// not block.
	Host(e batch.ComputeEnvironment) (Cluster, error)
}

var (
	// ErrNoCluster says that no cluster is registered under the environment's eksClusterArn.
	ErrNoCluster = errors.New("no such cluster is registered")
	// ErrUnreachable says that the environment's cluster has not answered for a while.
	ErrUnreachable = errors.New("cluster does not answer")
)

// Cluster answers what Resources must know of a Kubernetes cluster.
type Cluster interface {
	// NamespaceExists fails if it cannot tell.
	NamespaceExists(ctx context.Context, name string) (bool, error)
	// HasNodes tells whether the environment still has nodes; it fails if it cannot tell.
	HasNodes(ctx context.Context, environmentUUID string) (bool, error)
	// HasOutdatedNodes tells whether it still has nodes of an earlier generation; it fails if it cannot tell.
	HasOutdatedNodes(ctx context.Context, environmentUUID string, generation int) (bool, error)
	// DeleteUnbound deletes the environment's pods that have no node yet.
	DeleteUnbound(ctx context.Context, environmentUUID string) error
	// Report is what the autoscaler said last of the environment; nil if that is not known.
	Report(ctx context.Context, environmentUUID string) *batch.Report
}

// reasonNoHost is why an environment is INVALID whose cluster Host did not find; empty if it is not for that. AWS Batch
// gives the words of Amazon EKS for a cluster that does not exist; for one that does not answer there are none.
func reasonNoHost(e batch.ComputeEnvironment, err error) string {
	switch {
	case errors.Is(err, ErrNoCluster):
		return explain.NoCluster(e.ClusterName())
	case errors.Is(err, ErrUnreachable):
		return explain.Unreachable(e.ClusterName())
	default:
		return ""
	}
}
