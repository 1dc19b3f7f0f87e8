// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Tags beside those whose keys are labels of nodes, too.
const (
	// tagCluster marks what is ours: instances are listed by it, and the policy allows no other to be ended.
	tagCluster = "muster.sh/cluster"
	tagName    = "Name"
	// tagImageParameter and tagImageGeneration tell what the image of a launch template is the newest of, and since when.
	tagImageParameter  = "muster.sh/image-parameter"
	tagImageGeneration = "muster.sh/image-generation"
	// tagOwned begins the tag by which EKS and the cloud controller of AWS know the nodes of a cluster.
	tagOwned = "kubernetes.io/cluster/"
)

// tags are those of everything that a launch makes. The environment's own give way to ours.
func (f *Fleet) tags(r *fleet.LaunchRequest) []ec2types.Tag {
	all := map[string]string{tagName: r.Environment.Name}
	maps.Copy(all, r.Environment.Resources.Tags)
	maps.Copy(all, map[string]string{
		tagCluster:                       f.cfg.Cluster,
		tagOwned + f.cfg.Cluster:         "owned",
		batchmeta.ComputeEnvironmentUUID: r.Environment.UUID,
		batchmeta.NodeGroup:              r.NodeGroup,
		batchmeta.LaunchToken:            r.Token,
		batchmeta.Generation:             r.Labels[batchmeta.Generation],
	})
	return tagList(all)
}

func tagList(all map[string]string) []ec2types.Tag {
	var out []ec2types.Tag
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, ec2types.Tag{Key: aws.String(key), Value: aws.String(all[key])})
	}
	return out
}

func tagged(tags []ec2types.Tag, resources ...ec2types.ResourceType) []ec2types.TagSpecification {
	var out []ec2types.TagSpecification
	for _, r := range resources {
		out = append(out, ec2types.TagSpecification{ResourceType: r, Tags: tags})
	}
	return out
}
