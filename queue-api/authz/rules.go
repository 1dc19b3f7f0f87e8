// SPDX-License-Identifier: Apache-2.0

package authz

import (
	"context"
	"fmt"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/explain"
)

// rule is what one operation needs, and what of its answer is seen. An operation without a rule is refused.
type rule struct {
	ask    func(ctx context.Context, n *needs, in any) error
	filter func(ctx context.Context, v *viewer, out any) error // nil: all is seen
}

// rules are those of all operations that the server has, by name.
var rules = map[string]rule{
	"CreateComputeEnvironment": on(func(n *needs, in *awsapi.CreateComputeEnvironmentRequest) {
		n.on(environments, "create", in.ComputeEnvironmentName)
		if in.EksConfiguration != nil && in.EksConfiguration.KubernetesNamespace != nil {
			n.namespace(*in.EksConfiguration.KubernetesNamespace)
		}
	}),
	"DescribeComputeEnvironments": seen(on(func(n *needs, in *awsapi.DescribeComputeEnvironmentsRequest) {
		n.onEach(environments, in.ComputeEnvironments)
	}), func(ctx context.Context, v *viewer, out *awsapi.DescribeComputeEnvironmentsResponse) (err error) {
		out.ComputeEnvironments, err = visible(ctx, v, environments, out.ComputeEnvironments, func(e *awsapi.ComputeEnvironmentDetail) *string { return e.ComputeEnvironmentName })
		return err
	}),
	"UpdateComputeEnvironment": on(func(n *needs, in *awsapi.UpdateComputeEnvironmentRequest) {
		n.on(environments, "update", in.ComputeEnvironment)
	}),
	"DeleteComputeEnvironment": on(func(n *needs, in *awsapi.DeleteComputeEnvironmentRequest) {
		n.on(environments, "delete", in.ComputeEnvironment)
	}),

	"CreateJobQueue": on(func(n *needs, in *awsapi.CreateJobQueueRequest) {
		n.on(queues, "create", in.JobQueueName)
		n.partsOfQueue(in.ComputeEnvironmentOrder, in.SchedulingPolicyArn)
	}),
	"DescribeJobQueues": seen(on(func(n *needs, in *awsapi.DescribeJobQueuesRequest) {
		n.onEach(queues, in.JobQueues)
	}), func(ctx context.Context, v *viewer, out *awsapi.DescribeJobQueuesResponse) (err error) {
		out.JobQueues, err = visible(ctx, v, queues, out.JobQueues, func(q *awsapi.JobQueueDetail) *string { return q.JobQueueName })
		return err
	}),
	"UpdateJobQueue": on(func(n *needs, in *awsapi.UpdateJobQueueRequest) {
		n.on(queues, "update", in.JobQueue)
		n.partsOfQueue(in.ComputeEnvironmentOrder, in.SchedulingPolicyArn)
	}),
	"DeleteJobQueue": on(func(n *needs, in *awsapi.DeleteJobQueueRequest) { n.on(queues, "delete", in.JobQueue) }),
	"GetJobQueueSnapshot": on(func(n *needs, in *awsapi.GetJobQueueSnapshotRequest) {
		n.onJobsOf(in.JobQueue, "list")
	}),

	"RegisterJobDefinition": on(func(n *needs, in *awsapi.RegisterJobDefinitionRequest) {
		n.on(definitions, "create", in.JobDefinitionName)
		n.consumables(in.ConsumableResourceProperties)
	}),
	"DescribeJobDefinitions": seen(on(func(n *needs, in *awsapi.DescribeJobDefinitionsRequest) {
		n.onEach(definitions, in.JobDefinitions)
		if in.JobDefinitionName != nil {
			n.on(definitions, "get", in.JobDefinitionName)
		}
	}), func(ctx context.Context, v *viewer, out *awsapi.DescribeJobDefinitionsResponse) (err error) {
		out.JobDefinitions, err = visible(ctx, v, definitions, out.JobDefinitions, func(d *awsapi.JobDefinition) *string { return d.JobDefinitionName })
		return err
	}),
	"DeregisterJobDefinition": on(func(n *needs, in *awsapi.DeregisterJobDefinitionRequest) {
		n.on(definitions, "delete", in.JobDefinition)
	}),

	"SubmitJob":   try(askSubmit),
	"SimulateJob": try(askSubmit), // it learns what it would if it submitted
	"ExplainJob": try(func(ctx context.Context, n *needs, in *explain.Request) error {
		return n.onJob(ctx, &in.JobID, "get")
	}),
	"DescribeJobs": seen(on(func(*needs, *awsapi.DescribeJobsRequest) {
	}), func(ctx context.Context, v *viewer, out *awsapi.DescribeJobsResponse) (err error) {
		out.Jobs, err = visibleJobs(ctx, v, out.Jobs, func(j *awsapi.JobDetail) *string { return j.JobQueue })
		return err
	}),
	"ListJobs": try(func(ctx context.Context, n *needs, in *awsapi.ListJobsRequest) error {
		for _, id := range []*string{in.ArrayJobId, in.MultiNodeJobId} {
			if id == nil {
				continue
			}
			if err := n.onJob(ctx, id, "list"); err != nil {
				return err
			}
		}
		if in.JobQueue != nil || len(n.list) == 0 {
			n.onJobsOf(in.JobQueue, "list")
		}
		return nil
	}),
	"CancelJob": try(func(ctx context.Context, n *needs, in *awsapi.CancelJobRequest) error {
		return n.onJob(ctx, in.JobId, "cancel")
	}),
	"CancelJobs": try(func(ctx context.Context, n *needs, in *awsapi.CancelJobsRequest) error {
		return n.onEachJob(ctx, in.Jobs, "cancel")
	}),
	"TerminateJob": try(func(ctx context.Context, n *needs, in *awsapi.TerminateJobRequest) error {
		return n.onJob(ctx, in.JobId, "terminate")
	}),
	"TerminateJobs": try(func(ctx context.Context, n *needs, in *awsapi.TerminateJobsRequest) error {
		return n.onEachJob(ctx, in.Jobs, "terminate")
	}),

	"CreateSchedulingPolicy": on(func(n *needs, in *awsapi.CreateSchedulingPolicyRequest) { n.on(policies, "create", in.Name) }),
	"DescribeSchedulingPolicies": on(func(n *needs, in *awsapi.DescribeSchedulingPoliciesRequest) {
		n.onEach(policies, in.Arns)
	}),
	"ListSchedulingPolicies": seen(on(func(*needs, *awsapi.ListSchedulingPoliciesRequest) {
	}), func(ctx context.Context, v *viewer, out *awsapi.ListSchedulingPoliciesResponse) (err error) {
		out.SchedulingPolicies, err = visible(ctx, v, policies, out.SchedulingPolicies, func(p *awsapi.SchedulingPolicyListingDetail) *string { return p.Arn })
		return err
	}),
	"UpdateSchedulingPolicy": on(func(n *needs, in *awsapi.UpdateSchedulingPolicyRequest) { n.on(policies, "update", in.Arn) }),
	"DeleteSchedulingPolicy": on(func(n *needs, in *awsapi.DeleteSchedulingPolicyRequest) { n.on(policies, "delete", in.Arn) }),

	"CreateConsumableResource": on(func(n *needs, in *awsapi.CreateConsumableResourceRequest) {
		n.on(consumables, "create", in.ConsumableResourceName)
	}),
	"DescribeConsumableResource": on(func(n *needs, in *awsapi.DescribeConsumableResourceRequest) {
		n.on(consumables, "get", in.ConsumableResource)
	}),
	"ListConsumableResources": seen(on(func(*needs, *awsapi.ListConsumableResourcesRequest) {
	}), func(ctx context.Context, v *viewer, out *awsapi.ListConsumableResourcesResponse) (err error) {
		out.ConsumableResources, err = visible(ctx, v, consumables, out.ConsumableResources, func(c *awsapi.ConsumableResourceSummary) *string { return c.ConsumableResourceName })
		return err
	}),
	"ListJobsByConsumableResource": seen(on(func(n *needs, in *awsapi.ListJobsByConsumableResourceRequest) {
		n.on(consumables, "get", in.ConsumableResource)
	}), func(ctx context.Context, v *viewer, out *awsapi.ListJobsByConsumableResourceResponse) (err error) {
		out.Jobs, err = visibleJobs(ctx, v, out.Jobs, func(j *awsapi.ListJobsByConsumableResourceSummary) *string { return j.JobQueueArn })
		return err
	}),
	"UpdateConsumableResource": on(func(n *needs, in *awsapi.UpdateConsumableResourceRequest) {
		n.on(consumables, "update", in.ConsumableResource)
	}),
	"DeleteConsumableResource": on(func(n *needs, in *awsapi.DeleteConsumableResourceRequest) {
		n.on(consumables, "delete", in.ConsumableResource)
	}),

	"ListTagsForResource": try(func(ctx context.Context, n *needs, in *awsapi.ListTagsForResourceRequest) error {
		return n.onARN(ctx, in.ResourceArn, "get")
	}),
	"TagResource": try(func(ctx context.Context, n *needs, in *awsapi.TagResourceRequest) error {
		return n.onARN(ctx, in.ResourceArn, "tag")
	}),
	"UntagResource": try(func(ctx context.Context, n *needs, in *awsapi.UntagResourceRequest) error {
		return n.onARN(ctx, in.ResourceArn, "tag")
	}),

	// There is nothing to see.
	"DescribeServiceEnvironments": on(func(*needs, *awsapi.DescribeServiceEnvironmentsRequest) {}),
	"ListServiceJobs":             on(func(*needs, *awsapi.ListServiceJobsRequest) {}),
	"ListQuotaShares":             on(func(*needs, *awsapi.ListQuotaSharesRequest) {}),

	// Ours. A key is no more than the token it is derived from. Who they are, what they may do and whether the server is well
	// may be asked by all who are known.
	"GetCredentials": {ask: nothing},
	"WhoAmI":         {ask: nothing},
	"CanI":           {ask: nothing},
	"GetStatus":      {ask: nothing},
	"StreamEvents":   {ask: askStream},
	"GetSummary":     seen(rule{ask: nothing}, seenSummary),
	"DescribeArray":  {ask: askJob},

	"GetSpending":     seen(rule{ask: nothing}, seenSpending),
	"DescribeJobCost": {ask: askJob},

	// What is in the clusters is seen with the environments and jobs that it is of.
	"ListNodes":     seen(rule{ask: askNodes}, seenNodes),
	"ListDecisions": seen(rule{ask: nothing}, seenDecisions),
	"DescribeGang":  {ask: askGang},

	// Logs are seen with their jobs: who answers these asks VisibleJobs.
	"GetLogEvents":       {ask: nothing},
	"FilterLogEvents":    {ask: nothing},
	"DescribeLogStreams": {ask: nothing},
}

func nothing(context.Context, *needs, any) error { return nil }

// on makes a rule for requests of one type. A request of another type is a broken promise of ours and refused.
func on[In any](ask func(n *needs, in *In)) rule {
	return try(func(_ context.Context, n *needs, in *In) error {
		ask(n, in)
		return nil
	})
}

// try is on for what has to be looked up.
func try[In any](ask func(ctx context.Context, n *needs, in *In) error) rule {
	return rule{ask: func(ctx context.Context, n *needs, in any) error {
		request, ok := in.(*In)
		if !ok {
			return fmt.Errorf("request is %T", in)
		}
		return ask(ctx, n, request)
	}}
}

// seen adds what is seen of an answer.
func seen[Out any](r rule, filter func(ctx context.Context, v *viewer, out *Out) error) rule {
	r.filter = func(ctx context.Context, v *viewer, out any) error {
		response, ok := out.(*Out)
		if !ok {
			return fmt.Errorf("response is %T", out)
		}
		return filter(ctx, v, response)
	}
	return r
}

func askSubmit(ctx context.Context, n *needs, in *awsapi.SubmitJobRequest) error {
	n.on(queues, "submit", in.JobQueue)
	n.on(definitions, "submit", in.JobDefinition)
	n.consumables(in.ConsumableResourcePropertiesOverride)
	return n.onEachJob(ctx, dependencies(in.DependsOn), "get") // it learns how they end
}

func askStream(_ context.Context, n *needs, in any) error {
	names, ok := in.([]string)
	if !ok {
		return fmt.Errorf("request is %T", in)
	}
	if len(names) == 0 {
		n.onJobsOf(nil, "list")
	}
	for i := range names {
		n.onJobsOf(&names[i], "list")
	}
	return nil
}

// partsOfQueue asks for what a queue is made of.
func (n *needs) partsOfQueue(order []awsapi.ComputeEnvironmentOrder, policy *string) {
	for i := range order {
		n.on(environments, "use", order[i].ComputeEnvironment)
	}
	if policy != nil && *policy != "" {
		n.on(policies, "use", policy)
	}
}

func (n *needs) consumables(p *awsapi.ConsumableResourceProperties) {
	if p == nil {
		return
	}
	for i := range p.ConsumableResourceList {
		n.on(consumables, "use", p.ConsumableResourceList[i].ConsumableResource)
	}
}

// namespace asks whether the caller could make pods there by hand.
func (n *needs) namespace(name string) {
	n.list = append(n.list, question{resource: "pods", verb: "create", namespace: name, arn: "namespace/" + name})
}

func dependencies(list []awsapi.JobDependency) []string {
	var ids []string
	for _, d := range list {
		if d.JobId != nil && *d.JobId != "" {
			ids = append(ids, *d.JobId)
		}
	}
	return ids
}
