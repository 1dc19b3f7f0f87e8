// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

// resourcesOf are the parts of computeResources that only a cloud's fleet looks at.
func resourcesOf(r *types.ComputeResource, strategy string) fleet.Resources {
	out := fleet.Resources{
		Strategy:       strategy,
		Subnets:        r.Subnets,
		SecurityGroups: r.SecurityGroupIds,
		InstanceRole:   aws.ToString(r.InstanceRole),
		KeyPair:        aws.ToString(r.Ec2KeyPair),
		PlacementGroup: aws.ToString(r.PlacementGroup),
		BidPercentage:  int(aws.ToInt32(r.BidPercentage)),
		Tags:           r.Tags,
		ImageID:        aws.ToString(r.ImageId), //nolint:staticcheck // deprecated, and still honoured by AWS Batch
		Templates:      templatesOf(r.LaunchTemplate),
	}
	for _, c := range r.Ec2Configuration {
		out.Images = append(out.Images, fleet.Image{
			Type: aws.ToString(c.ImageType), ID: aws.ToString(c.ImageIdOverride), KubernetesVersion: aws.ToString(c.ImageKubernetesVersion),
		})
	}
	return out
}

// templatesOf are the launch template's overrides and, for all other types, itself.
func templatesOf(t *types.LaunchTemplateSpecification) []fleet.LaunchTemplate {
	if t == nil {
		return nil
	}
	var out []fleet.LaunchTemplate
	for _, o := range t.Overrides {
		out = append(out, fleet.LaunchTemplate{
			ID: aws.ToString(o.LaunchTemplateId), Name: aws.ToString(o.LaunchTemplateName), Version: aws.ToString(o.Version),
			UserdataType: string(o.UserdataType), InstanceTypes: o.TargetInstanceTypes,
		})
	}
	return append(out, fleet.LaunchTemplate{
		ID: aws.ToString(t.LaunchTemplateId), Name: aws.ToString(t.LaunchTemplateName), Version: aws.ToString(t.Version),
		UserdataType: string(t.UserdataType),
	})
}
