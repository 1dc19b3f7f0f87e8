// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// ControlPlane carries out the operations of the Batch API.
//
// A request has passed Validate: required members are there and enums hold. What the caller did wrong beyond that is
// returned as *batch.Error, wrapped or bare; every other error is ours and reaches the caller as a ServerException
// without its text. A nil response without an error stands for an empty one. A call may block on the store until ctx
// ends. The request belongs to the callee.
type ControlPlane interface {
	ComputeEnvironments
	JobQueues
	JobDefinitions
	Jobs
	SchedulingPolicies
	ConsumableResources
	Tags
	Explanations
}

// ComputeEnvironments are the operations on compute environments.
type ComputeEnvironments interface {
	CreateComputeEnvironment(context.Context, batch.Call, *awsapi.CreateComputeEnvironmentRequest) (*awsapi.CreateComputeEnvironmentResponse, error)
	DescribeComputeEnvironments(context.Context, batch.Call, *awsapi.DescribeComputeEnvironmentsRequest) (*awsapi.DescribeComputeEnvironmentsResponse, error)
	UpdateComputeEnvironment(context.Context, batch.Call, *awsapi.UpdateComputeEnvironmentRequest) (*awsapi.UpdateComputeEnvironmentResponse, error)
	DeleteComputeEnvironment(context.Context, batch.Call, *awsapi.DeleteComputeEnvironmentRequest) (*awsapi.DeleteComputeEnvironmentResponse, error)
}

// JobQueues are the operations on job queues.
type JobQueues interface {
	CreateJobQueue(context.Context, batch.Call, *awsapi.CreateJobQueueRequest) (*awsapi.CreateJobQueueResponse, error)
	DescribeJobQueues(context.Context, batch.Call, *awsapi.DescribeJobQueuesRequest) (*awsapi.DescribeJobQueuesResponse, error)
	UpdateJobQueue(context.Context, batch.Call, *awsapi.UpdateJobQueueRequest) (*awsapi.UpdateJobQueueResponse, error)
	DeleteJobQueue(context.Context, batch.Call, *awsapi.DeleteJobQueueRequest) (*awsapi.DeleteJobQueueResponse, error)
	GetJobQueueSnapshot(context.Context, batch.Call, *awsapi.GetJobQueueSnapshotRequest) (*awsapi.GetJobQueueSnapshotResponse, error)
}

// JobDefinitions are the operations on job definitions.
type JobDefinitions interface {
	RegisterJobDefinition(context.Context, batch.Call, *awsapi.RegisterJobDefinitionRequest) (*awsapi.RegisterJobDefinitionResponse, error)
	DescribeJobDefinitions(context.Context, batch.Call, *awsapi.DescribeJobDefinitionsRequest) (*awsapi.DescribeJobDefinitionsResponse, error)
	DeregisterJobDefinition(context.Context, batch.Call, *awsapi.DeregisterJobDefinitionRequest) (*awsapi.DeregisterJobDefinitionResponse, error)
}

// Jobs are the operations on jobs.
type Jobs interface {
	SubmitJob(context.Context, batch.Call, *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error)
	DescribeJobs(context.Context, batch.Call, *awsapi.DescribeJobsRequest) (*awsapi.DescribeJobsResponse, error)
	ListJobs(context.Context, batch.Call, *awsapi.ListJobsRequest) (*awsapi.ListJobsResponse, error)
	CancelJob(context.Context, batch.Call, *awsapi.CancelJobRequest) (*awsapi.CancelJobResponse, error)
	TerminateJob(context.Context, batch.Call, *awsapi.TerminateJobRequest) (*awsapi.TerminateJobResponse, error)
	CancelJobs(context.Context, batch.Call, *awsapi.CancelJobsRequest) (*awsapi.CancelJobsResponse, error)
	TerminateJobs(context.Context, batch.Call, *awsapi.TerminateJobsRequest) (*awsapi.TerminateJobsResponse, error)
	ListJobsByConsumableResource(context.Context, batch.Call, *awsapi.ListJobsByConsumableResourceRequest) (*awsapi.ListJobsByConsumableResourceResponse, error)
}

// SchedulingPolicies are the operations on scheduling policies.
type SchedulingPolicies interface {
	CreateSchedulingPolicy(context.Context, batch.Call, *awsapi.CreateSchedulingPolicyRequest) (*awsapi.CreateSchedulingPolicyResponse, error)
	DescribeSchedulingPolicies(context.Context, batch.Call, *awsapi.DescribeSchedulingPoliciesRequest) (*awsapi.DescribeSchedulingPoliciesResponse, error)
	ListSchedulingPolicies(context.Context, batch.Call, *awsapi.ListSchedulingPoliciesRequest) (*awsapi.ListSchedulingPoliciesResponse, error)
	UpdateSchedulingPolicy(context.Context, batch.Call, *awsapi.UpdateSchedulingPolicyRequest) (*awsapi.UpdateSchedulingPolicyResponse, error)
	DeleteSchedulingPolicy(context.Context, batch.Call, *awsapi.DeleteSchedulingPolicyRequest) (*awsapi.DeleteSchedulingPolicyResponse, error)
}

// ConsumableResources are the operations on consumable resources.
type ConsumableResources interface {
	CreateConsumableResource(context.Context, batch.Call, *awsapi.CreateConsumableResourceRequest) (*awsapi.CreateConsumableResourceResponse, error)
	DescribeConsumableResource(context.Context, batch.Call, *awsapi.DescribeConsumableResourceRequest) (*awsapi.DescribeConsumableResourceResponse, error)
	ListConsumableResources(context.Context, batch.Call, *awsapi.ListConsumableResourcesRequest) (*awsapi.ListConsumableResourcesResponse, error)
	UpdateConsumableResource(context.Context, batch.Call, *awsapi.UpdateConsumableResourceRequest) (*awsapi.UpdateConsumableResourceResponse, error)
	DeleteConsumableResource(context.Context, batch.Call, *awsapi.DeleteConsumableResourceRequest) (*awsapi.DeleteConsumableResourceResponse, error)
}

// Explanations are operations that AWS Batch does not have.
type Explanations interface {
	ExplainJob(context.Context, batch.Call, *explain.Request) (*viewapi.Explanation, error)
	SimulateJob(context.Context, batch.Call, *awsapi.SubmitJobRequest) (*viewapi.Simulation, error)
}

// Tags are the operations on the tags of any resource.
type Tags interface {
	ListTagsForResource(context.Context, batch.Call, *awsapi.ListTagsForResourceRequest) (*awsapi.ListTagsForResourceResponse, error)
	TagResource(context.Context, batch.Call, *awsapi.TagResourceRequest) (*awsapi.TagResourceResponse, error)
	UntagResource(context.Context, batch.Call, *awsapi.UntagResourceRequest) (*awsapi.UntagResourceResponse, error)
}
