// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

var (
	errUnmanagedvCpus = batch.Invalidf("unmanagedvCpus can only be specified for an UNMANAGED compute environment")

	// AWS Batch: a namespace name of Kubernetes of at most 63 characters.
	namespacePattern  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	clusterARNPattern = regexp.MustCompile(`^arn:[a-z-]+:eks:[a-z0-9-]*:[0-9]*:cluster/[0-9A-Za-z][0-9A-Za-z_-]{0,99}$`)
	// A fleet may call its machines as it likes; the name becomes a label value.
	instanceTypePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
)

func checkNewEnvironment(in *awsapi.CreateComputeEnvironmentRequest) error {
	if err := checkName(in.ComputeEnvironmentName); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	if !isEmpty(in.EcsSettings) {
		return refused("ecsSettings")
	}
	if err := checkEKS(in.EksConfiguration); err != nil {
		return err
	}
	if value(in.Type) == batch.Unmanaged {
		return checkCount("unmanagedvCpus", in.UnmanagedvCpus)
	}
	if in.UnmanagedvCpus != nil {
		return errUnmanagedvCpus
	}
	if in.ComputeResources == nil {
		return batch.Invalidf("computeResources is required for a MANAGED compute environment")
	}
	return checkResources(in.ComputeResources, in.EksConfiguration != nil)
}

func checkEKS(c *awsapi.EksConfiguration) error {
	if c == nil {
		return nil
	}
	if !clusterARNPattern.MatchString(value(c.EksClusterArn)) {
		return batch.Invalidf("eksConfiguration.eksClusterArn must be the ARN of a cluster: arn:aws:eks:<region>:<account>:cluster/<name>")
	}
	ns := value(c.KubernetesNamespace)
	switch {
	case !namespacePattern.MatchString(ns):
		return batch.Invalidf("eksConfiguration.kubernetesNamespace must have 1 to 63 lower case letters, digits and hyphens, and must not begin or end with a hyphen")
	case ns == "default", strings.HasPrefix(ns, "kube-"):
		return batch.Invalidf("eksConfiguration.kubernetesNamespace must not be default and must not begin with kube-")
	}
	return nil
}

// checkResources checks whole compute resources, new or merged.
func checkResources(r *awsapi.ComputeResource, eks bool) error {
	switch t := value(r.Type); t {
	case "EC2", "SPOT":
	default:
		return refused("computeResources.type " + t)
	}
	if r.ManagedInstancesProvider != nil {
		return refused("computeResources.managedInstancesProvider")
	}
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
	if len(r.Ec2Configuration) > 2 {
		return batch.Invalidf("computeResources.ec2Configuration must have 1 or 2 entries")
	}
	if err := checkLaunchTemplate(r.LaunchTemplate); err != nil {
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

func checkLaunchTemplate(t *awsapi.LaunchTemplateSpecification) error {
	if t == nil {
		return nil
	}
	if (value(t.LaunchTemplateId) == "") == (value(t.LaunchTemplateName) == "") {
		return batch.Invalidf("computeResources.launchTemplate must have either launchTemplateId or launchTemplateName")
	}
	if len(t.Overrides) > 10 {
		return batch.Invalidf("computeResources.launchTemplate.overrides must have at most 10 entries")
	}
	if slices.ContainsFunc(t.Overrides, func(o awsapi.LaunchTemplateSpecificationOverride) bool { return len(o.TargetInstanceTypes) == 0 }) {
		return batch.Invalidf("computeResources.launchTemplate.overrides: every entry must have targetInstanceTypes")
	}
	return nil
}

// checkScaling is AWS Batch's rule for the delay: 0, which is off, or 20 minutes to a week.
func checkScaling(p *awsapi.ComputeScalingPolicy) error {
	if p == nil || value(p.MinScaleDownDelayMinutes) == 0 {
		return nil
	}
	return checkRange("computeResources.scalingPolicy.minScaleDownDelayMinutes", p.MinScaleDownDelayMinutes, 20, 10080)
}
