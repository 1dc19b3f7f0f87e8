// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Cluster is a Kubernetes cluster that the nodes of some environments are in. The zero value has those of all.
type Cluster struct {
	Name string // or ARN, as environments name it in eksClusterArn
	// IsHome is set for the cluster that queue-api is in: environments that name none are in it.
	IsHome bool
}

// has reports whether an environment's nodes are in the cluster.
func (c Cluster) has(d *types.ComputeEnvironmentDetail) bool {
	if c.Name == "" {
		return true
	}
	if d.EksConfiguration == nil {
		return c.IsHome
	}
	return batch.IsCluster(c.Name, aws.ToString(d.EksConfiguration.EksClusterArn))
}
