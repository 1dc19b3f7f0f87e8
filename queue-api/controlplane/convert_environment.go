// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// newEnvironment makes the record of a request that passed its checks; the UUID is the caller's.
func newEnvironment(in *awsapi.CreateComputeEnvironmentRequest) (batch.ComputeEnvironment, error) {
	e := batch.ComputeEnvironment{
		Name:        value(in.ComputeEnvironmentName),
		Type:        value(in.Type),
		State:       state(in.State, batch.Enabled),
		Status:      batch.ResourceCreating,
		ServiceRole: value(in.ServiceRole),
		Tags:        in.Tags,
		Context:     value(in.Context),
	}
	if c := in.EksConfiguration; c != nil {
		e.EKS = &batch.EKSConfiguration{ClusterARN: value(c.EksClusterArn), Namespace: value(c.KubernetesNamespace)}
	}
	if e.Type == batch.Unmanaged {
		e.UnmanagedvCPUs, e.MaxvCPUs = in.UnmanagedvCpus, value(in.UnmanagedvCpus)
		return e, nil
	}
	err := storeResources(&e, in.ComputeResources)
	return e, err
}

// storeResources puts compute resources into the record.
func storeResources(e *batch.ComputeEnvironment, r *awsapi.ComputeResource) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode compute resources of %s: %w", e.Name, err)
	}
	e.ComputeResources, e.ResourceType = raw, value(r.Type)
	e.MinvCPUs, e.MaxvCPUs = value(r.MinvCpus), value(r.MaxvCpus)
	return nil
}

// environmentDetail is the record as DescribeComputeEnvironments shows it.
func environmentDetail(scope batch.Scope, e *batch.ComputeEnvironment) (awsapi.ComputeEnvironmentDetail, error) {
	d := awsapi.ComputeEnvironmentDetail{
		ComputeEnvironmentName:     &e.Name,
		ComputeEnvironmentArn:      new(scope.ARN(batch.ARNComputeEnvironment, e.Name)),
		UnmanagedvCpus:             e.UnmanagedvCPUs,
		Tags:                       environmentTags(e),
		Type:                       &e.Type,
		State:                      new(string(e.State)),
		Status:                     new(string(e.Status)),
		StatusReason:               given(e.StatusReason),
		ServiceRole:                new(serviceRole(scope, e.ServiceRole)),
		ContainerOrchestrationType: new(orchestration(e)),
		Uuid:                       &e.UUID,
		Context:                    given(e.Context),
	}
	if e.EKS != nil {
		d.EksConfiguration = &awsapi.EksConfiguration{EksClusterArn: &e.EKS.ClusterARN, KubernetesNamespace: &e.EKS.Namespace}
	} else {
		d.EcsClusterArn = new(ecsARN(scope, "cluster", clusterName(e.Name)))
	}
	var err error
	if d.ComputeResources, err = resourcesDetail(e); err != nil {
		return d, err
	}
	if isKept(e.UpdatePolicy) {
		if err := json.Unmarshal(e.UpdatePolicy, &d.UpdatePolicy); err != nil {
			return d, fmt.Errorf("decode update policy of %s: %w", e.Name, err)
		}
	}
	return d, nil
}

// environmentTags are the user's and, after an infrastructure update, ours for the autoscaler.
func environmentTags(e *batch.ComputeEnvironment) map[string]string {
	if e.Generation <= 1 {
		return orEmptyMap(e.Tags)
	}
	tags := map[string]string{batchmeta.GenerationTag: strconv.Itoa(e.Generation)}
	if e.ImageGeneration > 1 {
		tags[batchmeta.ImageGenerationTag] = strconv.Itoa(e.ImageGeneration)
	}
	maps.Copy(tags, e.Tags)
	return tags
}

// resourcesDetail echoes compute resources and shows the defaults of minvCpus and desiredvCpus, as AWS Batch does but
// for Fargate.
func resourcesDetail(e *batch.ComputeEnvironment) (*awsapi.ComputeResource, error) {
	if !isKept(e.ComputeResources) {
		return nil, nil
	}
	var r awsapi.ComputeResource
	if err := json.Unmarshal(e.ComputeResources, &r); err != nil {
		return nil, fmt.Errorf("decode compute resources of %s: %w", e.Name, err)
	}
	if !e.IsFargate() {
		r.MinvCpus, r.DesiredvCpus = new(value(r.MinvCpus)), new(shownDesired(e, &r))
	}
	return &r, nil
}

// shownDesired is desiredvCpus, which AWS Batch changes with demand between minvCpus and maxvCpus: what the autoscaler has,
// or what was asked for as long as that is not known.
func shownDesired(e *batch.ComputeEnvironment, r *awsapi.ComputeResource) int {
	if e.Report == nil {
		return desired(r)
	}
	return min(max(e.Report.DesiredvCPUs, e.MinvCPUs), e.MaxvCPUs)
}

// orchestration says what AWS Batch would run the environment on.
func orchestration(e *batch.ComputeEnvironment) string {
	if e.EKS != nil {
		return typeEKS
	}
	return typeECS
}

// Types of compute environments and of the queues before them.
const (
	typeEKS     = "EKS"
	typeECS     = "ECS"
	typeFargate = "ECS_FARGATE"
)

// environmentType is the jobQueueType of queues before the environment.
func environmentType(e *batch.ComputeEnvironment) string {
	is := orchestration(e)
	if is == typeECS && e.IsFargate() {
		return typeFargate
	}
	return is
}

// serviceRole is the role given, else the service-linked one that AWS Batch uses by itself.
func serviceRole(scope batch.Scope, role string) string {
	if role != "" {
		return role
	}
	return "arn:aws:iam::" + scope.Account + ":role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
}
