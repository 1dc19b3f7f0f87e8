// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

var (
	// A fleet may call its machines as it likes; the name becomes a label value.
	instanceTypePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	// AWS Batch: $Default, $Latest or a number.
	templateVersionPattern = regexp.MustCompile(`^(\$Default|\$Latest|[1-9][0-9]*)$`)
	// A cluster of one's own may run any version of Kubernetes.
	kubernetesVersionPattern = regexp.MustCompile(`^1\.[0-9]{1,3}$`)
)

// checkResources checks whole compute resources, new or merged.
func checkResources(r *awsapi.ComputeResource, eks bool) error {
	if r.ManagedInstancesProvider != nil {
		return refused("computeResources.managedInstancesProvider")
	}
	if err := checkTagsOf("computeResources.tags", r.Tags); err != nil {
		return err
	}
	if err := checkTagsOf("computeResources.capacityTags", r.CapacityTags); err != nil {
		return err
	}
	switch t := value(r.Type); t {
	case "EC2", "SPOT":
		return checkInstances(r, eks)
	case "FARGATE", "FARGATE_SPOT":
		return checkFargate(r)
	default:
		return refused("computeResources.type " + t)
	}
}

// checkFargate is AWS Batch's rule: a Fargate environment has no instances of one's own, so it takes maxvCpus, subnets
// and securityGroupIds only. Empty members ask for nothing; clients send them.
func checkFargate(r *awsapi.ComputeResource) error {
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"allocationStrategy", value(r.AllocationStrategy) != ""},
		{"minvCpus", value(r.MinvCpus) != 0},
		{"desiredvCpus", value(r.DesiredvCpus) != 0},
		{"instanceTypes", len(r.InstanceTypes) > 0},
		{"imageId", value(r.ImageId) != ""},
		{"ec2KeyPair", value(r.Ec2KeyPair) != ""},
		{"instanceRole", value(r.InstanceRole) != ""},
		{"tags", len(r.Tags) > 0},
		{"placementGroup", value(r.PlacementGroup) != ""},
		{"bidPercentage", value(r.BidPercentage) != 0},
		{"spotIamFleetRole", value(r.SpotIamFleetRole) != ""},
		{"launchTemplate", !isEmpty(r.LaunchTemplate)},
		{"ec2Configuration", len(r.Ec2Configuration) > 0},
		{"scalingPolicy", !isEmpty(r.ScalingPolicy)},
		{"capacityTags", len(r.CapacityTags) > 0},
	} {
		if m.given {
			return batch.Invalidf("%s is not applicable for Fargate.", m.name)
		}
	}
	return checkSize(r)
}

// checkInstances checks what is bought as instances: types EC2 and SPOT.
func checkInstances(r *awsapi.ComputeResource, eks bool) error {
	if err := checkSize(r); err != nil {
		return err
	}
	if err := checkInstanceTypes(r.InstanceTypes); err != nil {
		return err
	}
	if err := checkStrategy(value(r.Type), value(r.AllocationStrategy), eks); err != nil {
		return err
	}
	if err := checkRange("computeResources.bidPercentage", r.BidPercentage, 0, 100); err != nil {
		return err
	}
	if err := checkImages(r.Ec2Configuration, eks); err != nil {
		return err
	}
	if err := checkLaunchTemplate(r.LaunchTemplate, r.InstanceTypes); err != nil {
		return err
	}
	return checkScaling(r.ScalingPolicy)
}

// checkSize checks the numbers of vCPUs. AWS Batch: minvCpus is 0 and desiredvCpus is minvCpus by default.
func checkSize(r *awsapi.ComputeResource) error {
	if r.MaxvCpus == nil {
		return batch.Invalidf("Resource maxvCpus is required.")
	}
	if err := checkRange("computeResources.maxvCpus", r.MaxvCpus, 1, math.MaxInt32); err != nil {
		return err
	}
	if err := checkCount("computeResources.minvCpus", r.MinvCpus); err != nil {
		return err
	}
	if value(r.MinvCpus) > *r.MaxvCpus {
		return batch.Invalidf("computeResources.minvCpus must not be greater than maxvCpus")
	}
	if d := desired(r); d < value(r.MinvCpus) || d > *r.MaxvCpus {
		return batch.Invalidf("computeResources.desiredvCpus must be between minvCpus and maxvCpus")
	}
	return nil
}

// desired is desiredvCpus or its default.
func desired(r *awsapi.ComputeResource) int {
	if r.DesiredvCpus == nil {
		return value(r.MinvCpus)
	}
	return *r.DesiredvCpus
}

func checkInstanceTypes(types []string) error {
	if len(types) == 0 {
		return batch.Invalidf("computeResources.instanceTypes must have at least one instance type")
	}
	for _, t := range types {
		if !instanceTypePattern.MatchString(t) {
			return batch.Invalidf("Instance type can only be one of [optimal, default_x86_64, default_arm64, a family such as c5, a type such as c5.large]; %s is none", clip(t))
		}
	}
	if slices.Contains(types, "default_arm64") && (slices.Contains(types, "default_x86_64") || slices.Contains(types, "optimal")) {
		return batch.Invalidf("computeResources.instanceTypes must be of one architecture")
	}
	return nil
}

func checkStrategy(kind, strategy string, eks bool) error {
	switch {
	case strings.HasPrefix(strategy, "SPOT_") && kind != "SPOT":
		return batch.Invalidf("computeResources.allocationStrategy %s is for type SPOT only", strategy)
	case strategy == "BEST_FIT_PROGRESSIVE_ORDERED" && kind != "EC2":
		return batch.Invalidf("computeResources.allocationStrategy %s is for type EC2 only", strategy)
	case strategy == "BEST_FIT" && eks:
		return batch.Invalidf("computeResources.allocationStrategy BEST_FIT is not supported for compute environments that use Amazon EKS resources")
	}
	return nil
}

// imagesOfEKS are AWS Batch's kinds of machine images for nodes of Amazon EKS, and Bottlerocket, which is ours.
var imagesOfEKS = []string{"EKS_AL2", "EKS_AL2_NVIDIA", "EKS_AL2023", "EKS_AL2023_NVIDIA", "EKS_BOTTLEROCKET", "EKS_BOTTLEROCKET_NVIDIA"}

// checkImages checks which machine image each kind of instance runs. An image of one's own may have any kind.
func checkImages(images []awsapi.Ec2Configuration, eks bool) error {
	if len(images) > 2 {
		return batch.Invalidf("computeResources.ec2Configuration must have 1 or 2 entries")
	}
	for i, c := range images {
		path := fmt.Sprintf("computeResources.ec2Configuration[%d]", i)
		if eks && value(c.ImageIdOverride) == "" {
			if err := checkOneOf(path+".imageType", c.ImageType, imagesOfEKS); err != nil {
				return err
			}
		}
		if v := value(c.ImageKubernetesVersion); v != "" && !kubernetesVersionPattern.MatchString(v) {
			return batch.Invalidf("At least one imageKubernetesVersion in EC2Configuration is not supported.")
		}
	}
	return nil
}

// checkLaunchTemplate checks a launch template and what replaces it for some of the environment's instance types.
func checkLaunchTemplate(t *awsapi.LaunchTemplateSpecification, types []string) error {
	const path = "computeResources.launchTemplate"
	if t == nil {
		return nil
	}
	if err := checkTemplateName(path, t.LaunchTemplateId, t.LaunchTemplateName, t.Version); err != nil {
		return err
	}
	if len(t.Overrides) > 10 {
		return batch.Invalidf("%s.overrides must have at most 10 entries", path)
	}
	targets := map[string]bool{}
	for i := range t.Overrides {
		o, path := &t.Overrides[i], fmt.Sprintf("%s.overrides[%d]", path, i)
		if err := checkTemplateName(path, o.LaunchTemplateId, o.LaunchTemplateName, o.Version); err != nil {
			return err
		}
		if err := checkTargets(path+".targetInstanceTypes", o.TargetInstanceTypes, types, targets); err != nil {
			return err
		}
	}
	return nil
}

// checkTemplateName is AWS Batch's rule of either id or name.
func checkTemplateName(path string, id, name, version *string) error {
	if (value(id) == "") == (value(name) == "") {
		return batch.Invalidf("%s must have either launchTemplateId or launchTemplateName", path)
	}
	if v := value(version); v != "" && !templateVersionPattern.MatchString(v) {
		return batch.Invalidf("%s.version must be $Default, $Latest or a number, not %s", path, clip(v))
	}
	return nil
}

// checkTargets is AWS Batch's rule: the instance types of an override are among the environment's, types or families, and
// in no other override. It adds them to seen.
func checkTargets(path string, targets, types []string, seen map[string]bool) error {
	if len(targets) == 0 {
		return batch.Invalidf("%s must have at least one instance type", path)
	}
	for _, t := range targets {
		family, _, _ := strings.Cut(t, ".")
		switch {
		case slices.Contains(defaultTypes, t):
			return batch.Invalidf("%s: %s is not an instance type or family", path, t)
		case !slices.Contains(types, t) && !slices.Contains(types, family) && !slices.ContainsFunc(defaultTypes, func(d string) bool { return slices.Contains(types, d) }):
			return batch.Invalidf("%s: %s is not among the instance types of the compute environment", path, clip(t))
		case seen[t]:
			return batch.Invalidf("%s: %s is in two overrides", path, clip(t))
		}
		seen[t] = true
	}
	return nil
}

// defaultTypes stand for families that AWS Batch chooses.
var defaultTypes = []string{"optimal", "default_x86_64", "default_arm64"}

// checkScaling is AWS Batch's rule for the delay: 0, which is off, or 20 minutes to a week.
func checkScaling(p *awsapi.ComputeScalingPolicy) error {
	if p == nil || value(p.MinScaleDownDelayMinutes) == 0 {
		return nil
	}
	return checkRange("computeResources.scalingPolicy.minScaleDownDelayMinutes", p.MinScaleDownDelayMinutes, 20, 10080)
}
