// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"errors"
	"strings"

	"github.com/muster-batch/muster/autoscaler/fleet"
)

// remedies are what to do about refusals, by how their codes begin.
var remedies = []struct{ code, remedy string }{
	{"InvalidSubnetID", "Correct computeResources.subnets."},
	{"InvalidSubnet", "Correct computeResources.subnets."},
	{"InvalidGroup", "Correct computeResources.securityGroupIds: groups of the subnets' VPC."},
	{"InvalidSecurityGroup", "Correct computeResources.securityGroupIds: groups of the subnets' VPC."},
	{"InvalidAMIID", "Correct the image: imageIdOverride of computeResources.ec2Configuration, or computeResources.imageId."},
	{"ParameterNotFound", "EKS publishes no such image: correct imageType and imageKubernetesVersion of computeResources.ec2Configuration."},
	{"InvalidKeyPair", "Correct computeResources.ec2KeyPair, or create the key pair."},
	{"InvalidPlacementGroup", "Correct computeResources.placementGroup, or create the group."},
	{"InvalidLaunchTemplate", "Correct computeResources.launchTemplate."},
	{"InvalidComputeEnvironment", "Correct the compute environment."},
	{"ResourceNotFoundException", "Correct --ec2-cluster, or --ec2-region."},
	{"ExpiredToken", "Renew the credentials of batch-autoscaler."},
	{"AuthFailure", "Renew the credentials of batch-autoscaler."},
	{"InvalidClientTokenId", "Renew the credentials of batch-autoscaler."},
}

const (
	remedyDenied  = "Give the role of batch-autoscaler the permissions of manifests/overlays/eks/policy.json."
	remedyProfile = "Correct computeResources.instanceRole, or create the instance profile."
)

// remedyOf is what to do about an error; empty if nobody knows.
func remedyOf(err error) string {
	refused := (*fleet.RefusedError)(nil)
	if !errors.As(err, &refused) {
		return ""
	}
	for _, r := range remedies {
		if strings.HasPrefix(refused.Code, r.code) {
			return r.remedy
		}
	}
	switch {
	case refused.Class == fleet.Denied:
		return remedyDenied
	case strings.Contains(strings.ToLower(refused.Message), "instance profile"), strings.Contains(refused.Message, "iamInstanceProfile"):
		return remedyProfile
	}
	return ""
}
