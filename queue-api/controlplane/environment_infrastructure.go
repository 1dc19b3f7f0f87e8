// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"reflect"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// checkInfrastructureUpdate is AWS Batch's rule for updates that replace instances: only with the service-linked role, not
// with the strategy BEST_FIT unless that is changed, and Fargate stays Fargate.
func checkInfrastructureUpdate(e *batch.ComputeEnvironment, r *awsapi.ComputeResource, u *awsapi.ComputeResourceUpdate) error {
	infrastructure := *u
	infrastructure.MinvCpus, infrastructure.MaxvCpus, infrastructure.DesiredvCpus, infrastructure.ScalingPolicy = nil, nil, nil, nil
	if isEmpty(&infrastructure) {
		return nil
	}
	kind := value(u.Type)
	switch {
	case !isServiceLinked(e.ServiceRole):
		return batch.Invalidf("computeResources: only minvCpus, maxvCpus, desiredvCpus and scalingPolicy can be updated without the service-linked role AWSServiceRoleForBatch")
	case value(r.AllocationStrategy) == "BEST_FIT" && u.AllocationStrategy == nil:
		return batch.Invalidf("computeResources: only minvCpus, maxvCpus, desiredvCpus and scalingPolicy can be updated with allocationStrategy BEST_FIT")
	case kind != "" && strings.HasPrefix(kind, "FARGATE") != strings.HasPrefix(value(r.Type), "FARGATE"):
		return batch.Invalidf("computeResources.type cannot be changed from %s to %s", value(r.Type), kind)
	}
	return nil
}

// startGeneration begins an infrastructure update, by which the nodes of all earlier generations are replaced. AWS Batch:
// what asks for one is a change of anything but minvCpus, maxvCpus, desiredvCpus and scalingPolicy, or
// updateToLatestImageVersion.
func startGeneration(e *batch.ComputeEnvironment, before, after *awsapi.ComputeResource, latestImage bool) {
	if !latestImage && reflect.DeepEqual(infrastructure(*before), infrastructure(*after)) {
		return
	}
	e.Generation = max(e.Generation, 1) + 1
	if latestImage {
		e.ImageGeneration = e.Generation
	}
}

// infrastructure is what instances are made of.
func infrastructure(r awsapi.ComputeResource) awsapi.ComputeResource {
	r.MinvCpus, r.MaxvCpus, r.DesiredvCpus, r.ScalingPolicy = nil, nil, nil, nil
	return r
}
