// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"regexp"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

var (
	errServiceRole    = batch.Invalidf("serviceRole must be absent or the service-linked role AWSServiceRoleForBatch for compute environments that use Amazon EKS resources")
	errUnmanagedvCpus = batch.Invalidf("unmanagedvCpus can only be specified for an UNMANAGED compute environment")

	// AWS Batch: a namespace name of Kubernetes of at most 63 characters.
	namespacePattern  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	clusterARNPattern = regexp.MustCompile(`^arn:[a-z-]+:eks:[a-z0-9-]*:[0-9]*:cluster/[0-9A-Za-z][0-9A-Za-z_-]{0,99}$`)
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
	if in.EksConfiguration != nil && !isServiceLinked(value(in.ServiceRole)) {
		return errServiceRole
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

// isServiceLinked reports whether the role is the one that AWS Batch uses by itself, as it does when none is given.
func isServiceLinked(role string) bool {
	return role == "" || strings.HasSuffix(role, "/AWSServiceRoleForBatch") || role == "AWSServiceRoleForBatch"
}
