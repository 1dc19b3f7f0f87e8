// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// The operations of fakePlane that no test looks at more closely answer nothing.

func (fakePlane) CreateSchedulingPolicy(
	context.Context, batch.Call, *awsapi.CreateSchedulingPolicyRequest,
) (*awsapi.CreateSchedulingPolicyResponse, error) {
	return nil, nil
}

func (fakePlane) DescribeSchedulingPolicies(
	context.Context, batch.Call, *awsapi.DescribeSchedulingPoliciesRequest,
) (*awsapi.DescribeSchedulingPoliciesResponse, error) {
	return nil, nil
}

func (fakePlane) ListSchedulingPolicies(
	context.Context, batch.Call, *awsapi.ListSchedulingPoliciesRequest,
) (*awsapi.ListSchedulingPoliciesResponse, error) {
	return nil, nil
}

func (fakePlane) UpdateSchedulingPolicy(
	context.Context, batch.Call, *awsapi.UpdateSchedulingPolicyRequest,
) (*awsapi.UpdateSchedulingPolicyResponse, error) {
	return nil, nil
}

func (fakePlane) DeleteSchedulingPolicy(
	context.Context, batch.Call, *awsapi.DeleteSchedulingPolicyRequest,
) (*awsapi.DeleteSchedulingPolicyResponse, error) {
	return nil, nil
}

func (fakePlane) CreateConsumableResource(
	context.Context, batch.Call, *awsapi.CreateConsumableResourceRequest,
) (*awsapi.CreateConsumableResourceResponse, error) {
	return nil, nil
}

func (fakePlane) DescribeConsumableResource(
	context.Context, batch.Call, *awsapi.DescribeConsumableResourceRequest,
) (*awsapi.DescribeConsumableResourceResponse, error) {
	return nil, nil
}

func (fakePlane) ListConsumableResources(
	context.Context, batch.Call, *awsapi.ListConsumableResourcesRequest,
) (*awsapi.ListConsumableResourcesResponse, error) {
	return nil, nil
}

func (fakePlane) UpdateConsumableResource(
	context.Context, batch.Call, *awsapi.UpdateConsumableResourceRequest,
) (*awsapi.UpdateConsumableResourceResponse, error) {
	return nil, nil
}

func (fakePlane) DeleteConsumableResource(
	context.Context, batch.Call, *awsapi.DeleteConsumableResourceRequest,
) (*awsapi.DeleteConsumableResourceResponse, error) {
	return nil, nil
}

func (fakePlane) ListTagsForResource(
	_ context.Context, _ batch.Call, in *awsapi.ListTagsForResourceRequest,
) (*awsapi.ListTagsForResourceResponse, error) {
	return &awsapi.ListTagsForResourceResponse{Tags: map[string]string{"arn": *in.ResourceArn}}, nil
}

func (fakePlane) TagResource(
	_ context.Context, _ batch.Call, in *awsapi.TagResourceRequest,
) (*awsapi.TagResourceResponse, error) {
	return nil, batch.Invalidf("tag %s %v", *in.ResourceArn, in.Tags)
}

func (fakePlane) UntagResource(
	_ context.Context, _ batch.Call, in *awsapi.UntagResourceRequest,
) (*awsapi.UntagResourceResponse, error) {
	return nil, batch.Invalidf("untag %s %q", *in.ResourceArn, in.TagKeys)
}

func (fakePlane) CancelJobs(
	context.Context, batch.Call, *awsapi.CancelJobsRequest,
) (*awsapi.CancelJobsResponse, error) {
	return nil, nil
}

func (fakePlane) TerminateJobs(
	context.Context, batch.Call, *awsapi.TerminateJobsRequest,
) (*awsapi.TerminateJobsResponse, error) {
	return nil, nil
}

func (fakePlane) ListJobsByConsumableResource(
	context.Context, batch.Call, *awsapi.ListJobsByConsumableResourceRequest,
) (*awsapi.ListJobsByConsumableResourceResponse, error) {
	return nil, nil
}

func (fakePlane) GetJobQueueSnapshot(
	context.Context, batch.Call, *awsapi.GetJobQueueSnapshotRequest,
) (*awsapi.GetJobQueueSnapshotResponse, error) {
	return nil, nil
}

func (fakePlane) ExplainJob(_ context.Context, _ batch.Call, in *explain.Request) (*viewapi.Explanation, error) {
	return &viewapi.Explanation{JobID: in.JobID}, nil
}

func (fakePlane) SimulateJob(_ context.Context, _ batch.Call, in *awsapi.SubmitJobRequest) (*viewapi.Simulation, error) {
	return &viewapi.Simulation{Reason: *in.JobName}, nil
}
