// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

// These tests go through what the AWS provider of Terraform does, call by call, with the SDK that it uses (contract 9.4).

// terraform is the provider at work on one site.
type terraform struct {
	*testing.T
	site *site
	api  *sdk.Client
}

func newTerraform(t *testing.T) *terraform {
	t.Helper()
	s := newSite(t, loadModel(t))
	return &terraform{T: t, site: s, api: s.client(t)}
}

// settle does what the leader does meanwhile: it makes environments VALID and forgets what is being deleted.
func (tf *terraform) settle() {
	tf.Helper()
	ctx := tf.Context()
	environments, err := tf.site.store.Environments(ctx)
	tf.must(err)
	for _, e := range environments {
		if e.Status == batch.ResourceDeleting {
			tf.must(tf.site.store.DeleteEnvironment(ctx, e.Name))
			continue
		}
		_, err := tf.site.store.UpdateEnvironment(ctx, e.Name, func(e *batch.ComputeEnvironment) error {
			e.Status, e.StatusReason = batch.ResourceValid, "ComputeEnvironment Healthy"
			return nil
		})
		tf.must(err)
	}
	queues, err := tf.site.store.Queues(ctx)
	tf.must(err)
	for _, q := range queues {
		if q.Status == batch.ResourceDeleting {
			tf.must(errors.Join(tf.site.store.CloseQueue(ctx, q.Number), tf.site.store.DeleteQueue(ctx, q.Name)))
		}
	}
}

func (tf *terraform) must(err error) {
	tf.Helper()
	if err != nil {
		tf.Fatal(err)
	}
}

// done gives the output of a call that must succeed.
func done[T any](out T, err error) func(*terraform) T {
	return func(tf *terraform) T {
		tf.Helper()
		tf.must(err)
		return out
	}
}

// gone checks that a call failed the way that the provider takes for not found.
func (tf *terraform) gone(err error) {
	tf.Helper()
	if refused, ok := errors.AsType[*types.ClientException](err); !ok || !strings.Contains(refused.ErrorMessage(), "does not exist") {
		tf.Errorf("got %v, want a ClientException with: does not exist", err)
	}
}

func (tf *terraform) environment(arn string) *types.ComputeEnvironmentDetail {
	tf.Helper()
	out := done(tf.api.DescribeComputeEnvironments(tf.Context(), &sdk.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{arn}}))(tf)
	if len(out.ComputeEnvironments) == 0 {
		return nil
	}
	if len(out.ComputeEnvironments) > 1 {
		tf.Fatalf("%d environments, want one", len(out.ComputeEnvironments))
	}
	return &out.ComputeEnvironments[0]
}

// waitEnvironment is the provider's waiter: pending, then the target.
func (tf *terraform) waitEnvironment(arn string, pending, target types.CEStatus) *types.ComputeEnvironmentDetail {
	tf.Helper()
	if e := tf.environment(arn); e == nil || e.Status != pending {
		tf.Fatalf("environment %+v, want status %s", e, pending)
	}
	tf.settle()
	e := tf.environment(arn)
	if target == types.CEStatusDeleted {
		if e != nil {
			tf.Fatalf("environment %+v, want none", e)
		}
		return nil
	}
	if e == nil || e.Status != target {
		tf.Fatalf("environment %+v, want status %s", e, target)
	}
	return e
}

func (tf *terraform) createEnvironment(name string) string {
	tf.Helper()
	out := done(tf.api.CreateComputeEnvironment(tf.Context(), &sdk.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: &name, Type: types.CETypeManaged, ServiceRole: aws.String(""), State: types.CEStateEnabled, Tags: map[string]string{"Name": name},
		ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, AllocationStrategy: types.CRAllocationStrategyBestFitProgressive, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(16),
			InstanceTypes: []string{"c4.large"}, InstanceRole: aws.String("arn:aws:iam::123456789012:instance-profile/p"),
			SecurityGroupIds: []string{"sg-1"}, Subnets: []string{"subnet-1"},
		},
	}))(tf)
	tf.waitEnvironment(*out.ComputeEnvironmentArn, types.CEStatusCreating, types.CEStatusValid)
	return *out.ComputeEnvironmentArn
}

func (tf *terraform) deleteEnvironment(arn string) {
	tf.Helper()
	done(tf.api.UpdateComputeEnvironment(tf.Context(), &sdk.UpdateComputeEnvironmentInput{ComputeEnvironment: &arn, State: types.CEStateDisabled}))(tf)
	tf.waitEnvironment(arn, types.CEStatusUpdating, types.CEStatusValid)
	done(tf.api.DeleteComputeEnvironment(tf.Context(), &sdk.DeleteComputeEnvironmentInput{ComputeEnvironment: &arn}))(tf)
	tf.waitEnvironment(arn, types.CEStatusDeleting, types.CEStatusDeleted)
}

func TestTerraformComputeEnvironment(t *testing.T) {
	t.Parallel()
	tf := newTerraform(t)
	arn := tf.createEnvironment("ce")
	e := tf.environment(arn)
	if r := e.ComputeResources; *e.ServiceRole == "" || e.State != types.CEStateEnabled || e.Tags["Name"] != "ce" ||
		aws.ToInt32(r.DesiredvCpus) != 0 || aws.ToInt32(r.MaxvCpus) != 16 || r.InstanceTypes[0] != "c4.large" || r.AllocationStrategy != types.CRAllocationStrategyBestFitProgressive {
		t.Errorf("read after create: %+v", e)
	}
	// An update always names maxvCpus.
	done(tf.api.UpdateComputeEnvironment(t.Context(), &sdk.UpdateComputeEnvironmentInput{
		ComputeEnvironment: &arn, State: types.CEStateDisabled, ComputeResources: &types.ComputeResourceUpdate{MaxvCpus: aws.Int32(16)},
	}))(tf)
	if e := tf.waitEnvironment(arn, types.CEStatusUpdating, types.CEStatusValid); e.State != types.CEStateDisabled {
		t.Errorf("disabled: %+v", e)
	}
	done(tf.api.UpdateComputeEnvironment(t.Context(), &sdk.UpdateComputeEnvironmentInput{
		ComputeEnvironment: &arn, State: types.CEStateEnabled,
		ComputeResources: &types.ComputeResourceUpdate{
			MaxvCpus: aws.Int32(32), InstanceTypes: []string{"c4.large", "c4.xlarge"}, LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateName: aws.String("t"), Version: aws.String("$Latest")},
			Ec2Configuration: []types.Ec2Configuration{{ImageType: aws.String("ECS_AL2023")}},
		},
		UpdatePolicy: &types.UpdatePolicy{TerminateJobsOnUpdate: aws.Bool(false), JobExecutionTimeoutMinutes: aws.Int64(30)},
	}))(tf)
	e = tf.waitEnvironment(arn, types.CEStatusUpdating, types.CEStatusValid)
	if r := e.ComputeResources; aws.ToInt32(r.MaxvCpus) != 32 || len(r.InstanceTypes) != 2 || *r.LaunchTemplate.LaunchTemplateName != "t" || *r.Ec2Configuration[0].ImageType != "ECS_AL2023" ||
		*e.UpdatePolicy.TerminateJobsOnUpdate || *e.UpdatePolicy.JobExecutionTimeoutMinutes != 30 {
		t.Errorf("read after update: %+v", e)
	}
	tf.deleteEnvironment(arn)
	_, err := tf.api.UpdateComputeEnvironment(t.Context(), &sdk.UpdateComputeEnvironmentInput{ComputeEnvironment: &arn, State: types.CEStateDisabled})
	tf.gone(err)
	_, err = tf.api.DeleteComputeEnvironment(t.Context(), &sdk.DeleteComputeEnvironmentInput{ComputeEnvironment: &arn})
	tf.gone(err)
}

func (tf *terraform) queue(arn string) *types.JobQueueDetail {
	tf.Helper()
	out := done(tf.api.DescribeJobQueues(tf.Context(), &sdk.DescribeJobQueuesInput{JobQueues: []string{arn}}))(tf)
	if len(out.JobQueues) != 1 {
		return nil
	}
	return &out.JobQueues[0]
}

// createQueue waits until the queue is VALID. Terraform names environments and policies by their ARNs.
func (tf *terraform) createQueue(in sdk.CreateJobQueueInput) string {
	tf.Helper()
	out := done(tf.api.CreateJobQueue(tf.Context(), &in))(tf)
	if q := tf.queue(*out.JobQueueArn); q == nil || q.Status != types.JQStatusValid {
		tf.Fatalf("queue %+v, want status VALID", q)
	}
	return *out.JobQueueArn
}

func (tf *terraform) updateQueue(in sdk.UpdateJobQueueInput) *types.JobQueueDetail {
	tf.Helper()
	done(tf.api.UpdateJobQueue(tf.Context(), &in))(tf)
	q := tf.queue(*in.JobQueue)
	if q == nil || q.Status != types.JQStatusValid {
		tf.Fatalf("queue %+v, want status VALID", q)
	}
	return q
}

func (tf *terraform) deleteQueue(arn string) {
	tf.Helper()
	if q := tf.updateQueue(sdk.UpdateJobQueueInput{JobQueue: &arn, State: types.JQStateDisabled}); q.State != types.JQStateDisabled {
		tf.Errorf("disabled: %+v", q)
	}
	done(tf.api.DeleteJobQueue(tf.Context(), &sdk.DeleteJobQueueInput{JobQueue: &arn}))(tf)
	if q := tf.queue(arn); q == nil || q.Status != types.JQStatusDeleting {
		tf.Fatalf("queue %+v, want status DELETING", q)
	}
	tf.settle()
	if q := tf.queue(arn); q != nil {
		tf.Errorf("queue %+v, want none", q)
	}
}

func TestTerraformJobQueue(t *testing.T) {
	t.Parallel()
	tf := newTerraform(t)
	first, second := tf.createEnvironment("first"), tf.createEnvironment("second")
	limit := types.JobStateTimeLimitAction{
		Action: types.JobStateTimeLimitActionsActionCancel, MaxTimeSeconds: aws.Int32(600),
		Reason: aws.String("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"), State: types.JobStateTimeLimitActionsStateRunnable,
	}
	arn := tf.createQueue(sdk.CreateJobQueueInput{
		JobQueueName: aws.String("q"), Priority: aws.Int32(1), State: types.JQStateEnabled, Tags: map[string]string{"Name": "q"},
		ComputeEnvironmentOrder:  []types.ComputeEnvironmentOrder{{Order: aws.Int32(0), ComputeEnvironment: &first}},
		JobStateTimeLimitActions: []types.JobStateTimeLimitAction{limit},
	})
	if q := tf.queue(arn); q.SchedulingPolicyArn != nil || *q.ComputeEnvironmentOrder[0].ComputeEnvironment != first || !cmp.Equal(q.Tags, map[string]string{"Name": "q"}) ||
		*q.JobStateTimeLimitActions[0].MaxTimeSeconds != 600 || q.JobStateTimeLimitActions[0].Action != limit.Action {
		t.Errorf("read after create: %+v", q)
	}
	limit.MaxTimeSeconds = aws.Int32(86400)
	q := tf.updateQueue(sdk.UpdateJobQueueInput{
		JobQueue: &arn, Priority: aws.Int32(2), State: types.JQStateEnabled,
		ComputeEnvironmentOrder:  []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &first}, {Order: aws.Int32(0), ComputeEnvironment: &second}},
		JobStateTimeLimitActions: []types.JobStateTimeLimitAction{limit},
	})
	if *q.Priority != 2 || *q.ComputeEnvironmentOrder[0].ComputeEnvironment != second || *q.JobStateTimeLimitActions[0].MaxTimeSeconds != 86400 {
		t.Errorf("read after update: %+v", q)
	}

	// The environments cannot go before the queue.
	done(tf.api.UpdateComputeEnvironment(t.Context(), &sdk.UpdateComputeEnvironmentInput{ComputeEnvironment: &first, State: types.CEStateDisabled}))(tf)
	tf.settle()
	var refused *types.ClientException
	if _, err := tf.api.DeleteComputeEnvironment(t.Context(), &sdk.DeleteComputeEnvironmentInput{ComputeEnvironment: &first}); !errors.As(err, &refused) {
		t.Errorf("delete an environment of a queue: %v", err)
	}
	tf.deleteQueue(arn)
	tf.deleteEnvironment(first)
	tf.deleteEnvironment(second)
	_, err := tf.api.UpdateJobQueue(t.Context(), &sdk.UpdateJobQueueInput{JobQueue: &arn, State: types.JQStateDisabled})
	tf.gone(err)
	_, err = tf.api.DeleteJobQueue(t.Context(), &sdk.DeleteJobQueueInput{JobQueue: &arn})
	tf.gone(err)
}

func (tf *terraform) createPolicy(name string, decay int32) string {
	tf.Helper()
	return *done(tf.api.CreateSchedulingPolicy(tf.Context(), &sdk.CreateSchedulingPolicyInput{
		Name: &name, Tags: map[string]string{"Name": name},
		FairsharePolicy: &types.FairsharePolicy{
			ComputeReservation: aws.Int32(1), ShareDecaySeconds: &decay,
			ShareDistribution: []types.ShareAttributes{{ShareIdentifier: aws.String("A1*"), WeightFactor: aws.Float32(0.1)}},
		},
	}))(tf).Arn
}

func (tf *terraform) policy(arn string) *types.SchedulingPolicyDetail {
	tf.Helper()
	out := done(tf.api.DescribeSchedulingPolicies(tf.Context(), &sdk.DescribeSchedulingPoliciesInput{Arns: []string{arn}}))(tf)
	if len(out.SchedulingPolicies) != 1 {
		return nil
	}
	return &out.SchedulingPolicies[0]
}

func TestTerraformSchedulingPolicy(t *testing.T) {
	t.Parallel()
	tf := newTerraform(t)
	first, second := tf.createPolicy("first", 3600), tf.createPolicy("second", 60)
	if p := tf.policy(first); p == nil || *p.FairsharePolicy.ShareDecaySeconds != 3600 || *p.FairsharePolicy.ShareDistribution[0].WeightFactor != 0.1 || p.Tags["Name"] != "first" {
		t.Errorf("read after create: %+v", p)
	}
	done(tf.api.UpdateSchedulingPolicy(t.Context(), &sdk.UpdateSchedulingPolicyInput{
		Arn: &first, FairsharePolicy: &types.FairsharePolicy{ShareDecaySeconds: aws.Int32(1), ShareDistribution: []types.ShareAttributes{{ShareIdentifier: aws.String("A1*")}, {ShareIdentifier: aws.String("B")}}},
	}))(tf)
	if p := tf.policy(first).FairsharePolicy; p.ComputeReservation != nil || *p.ShareDecaySeconds != 1 || len(p.ShareDistribution) != 2 {
		t.Errorf("read after update: %+v", p)
	}

	// A queue's policy is only ever replaced, and goes after the queue.
	env := tf.createEnvironment("ce")
	queue := tf.createQueue(sdk.CreateJobQueueInput{
		JobQueueName: aws.String("q"), Priority: aws.Int32(1), State: types.JQStateEnabled, SchedulingPolicyArn: &first,
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(0), ComputeEnvironment: &env}},
	})
	if q := tf.updateQueue(sdk.UpdateJobQueueInput{JobQueue: &queue, SchedulingPolicyArn: &second, Priority: aws.Int32(1)}); aws.ToString(q.SchedulingPolicyArn) != second {
		t.Errorf("replaced: %+v", q)
	}
	var refused *types.ClientException
	if _, err := tf.api.DeleteSchedulingPolicy(t.Context(), &sdk.DeleteSchedulingPolicyInput{Arn: &second}); !errors.As(err, &refused) {
		t.Errorf("delete a policy of a queue: %v", err)
	}
	tf.deleteQueue(queue)
	tf.deleteEnvironment(env)
	for _, arn := range []string{first, second} {
		done(tf.api.DeleteSchedulingPolicy(t.Context(), &sdk.DeleteSchedulingPolicyInput{Arn: &arn}))(tf)
		if p := tf.policy(arn); p != nil {
			t.Errorf("policy %+v, want none", p)
		}
		_, err := tf.api.UpdateSchedulingPolicy(t.Context(), &sdk.UpdateSchedulingPolicyInput{Arn: &arn})
		tf.gone(err)
	}
}

func (tf *terraform) definition(arn string) *types.JobDefinition {
	tf.Helper()
	out := done(tf.api.DescribeJobDefinitions(tf.Context(), &sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{arn}}))(tf)
	if len(out.JobDefinitions) != 1 || aws.ToString(out.JobDefinitions[0].Status) == "INACTIVE" {
		return nil // what the provider takes for gone
	}
	return &out.JobDefinitions[0]
}

func TestTerraformJobDefinition(t *testing.T) {
	t.Parallel()
	tf := newTerraform(t)
	// propagateTags is always sent, and the action of a retry rule in lower case.
	in := sdk.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("d"), Type: types.JobDefinitionTypeContainer, PropagateTags: aws.Bool(false), Tags: map[string]string{"Name": "d"},
		Parameters: map[string]string{"p": "v"}, Timeout: &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)}, SchedulingPriority: aws.Int32(1),
		RetryStrategy: &types.RetryStrategy{Attempts: aws.Int32(3), EvaluateOnExit: []types.EvaluateOnExit{{Action: "retry", OnStatusReason: aws.String("Host EC2*")}, {Action: "exit", OnReason: aws.String("*")}}},
		ContainerProperties: &types.ContainerProperties{
			Image: aws.String("busybox"), Command: []string{"ls", "-la"}, Environment: []types.KeyValuePair{{Name: aws.String("VARNAME"), Value: aws.String("VARVAL")}},
			ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("512")}},
			MountPoints:          []types.MountPoint{{ContainerPath: aws.String("/tmp"), ReadOnly: aws.Bool(false), SourceVolume: aws.String("tmp")}},
			Ulimits:              []types.Ulimit{{HardLimit: aws.Int32(1024), Name: aws.String("nofile"), SoftLimit: aws.Int32(1024)}},
			Volumes:              []types.Volume{{Host: &types.Host{SourcePath: aws.String("/tmp")}, Name: aws.String("tmp")}},
		},
	}
	first := *done(tf.api.RegisterJobDefinition(t.Context(), &in))(tf).JobDefinitionArn
	d := tf.definition(first)
	if d == nil {
		t.Fatal("no definition after create")
	}
	options := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore())
	echoed := *d.ContainerProperties
	echoed.Secrets = nil // the provider suppresses lists that are empty
	if diff := cmp.Diff(in.ContainerProperties, &echoed, options); diff != "" {
		t.Errorf("containerProperties (-sent +read):\n%s", diff)
	}
	if diff := cmp.Diff(in.RetryStrategy, d.RetryStrategy, options); diff != "" {
		t.Errorf("retryStrategy (-sent +read):\n%s", diff)
	}
	if *d.PropagateTags || !slices.Equal(d.PlatformCapabilities, []types.PlatformCapability{"EC2"}) || *d.Timeout.AttemptDurationSeconds != 60 || *d.SchedulingPriority != 1 || !maps.Equal(d.Parameters, in.Parameters) {
		t.Errorf("read after create: %+v", d)
	}

	// An update registers a new revision, then deregisters the old one by its ARN.
	in.ContainerProperties.Command = []string{"ls"}
	out := done(tf.api.RegisterJobDefinition(t.Context(), &in))(tf)
	done(tf.api.DeregisterJobDefinition(t.Context(), &sdk.DeregisterJobDefinitionInput{JobDefinition: &first}))(tf)
	if *out.Revision != 2 || tf.definition(first) != nil || tf.definition(*out.JobDefinitionArn).ContainerProperties.Command[0] != "ls" {
		t.Errorf("after update: revision %d, the first is %+v", *out.Revision, tf.definition(first))
	}

	// A destroy deregisters every ACTIVE revision that it finds page by page.
	for range 3 {
		done(tf.api.RegisterJobDefinition(t.Context(), &in))(tf)
	}
	var active []string
	pages := sdk.NewDescribeJobDefinitionsPaginator(tf.api, &sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("d"), Status: aws.String("ACTIVE"), MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		for _, d := range done(pages.NextPage(t.Context()))(tf).JobDefinitions {
			active = append(active, *d.JobDefinitionArn)
		}
	}
	if len(active) != 4 {
		t.Errorf("ACTIVE revisions: %v, want 4", active)
	}
	for _, arn := range active {
		done(tf.api.DeregisterJobDefinition(t.Context(), &sdk.DeregisterJobDefinitionInput{JobDefinition: &arn}))(tf)
		if d := tf.definition(arn); d != nil {
			t.Errorf("definition %+v, want it to be gone", d)
		}
	}
}

func TestTerraformDefinitionOnEKS(t *testing.T) {
	t.Parallel()
	tf := newTerraform(t)
	in := sdk.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("d"), Type: types.JobDefinitionTypeContainer, PropagateTags: aws.Bool(false),
		EksProperties: &types.EksProperties{PodProperties: &types.EksPodProperties{
			HostNetwork: aws.Bool(true), Metadata: &types.EksMetadata{Labels: map[string]string{"environment": "test"}},
			Containers: []types.EksContainer{{
				Image: aws.String("public.ecr.aws/amazonlinux/amazonlinux:1"), Command: []string{"sleep", "60"},
				Resources: &types.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1", "memory": "1024Mi"}},
			}},
		}},
	}
	arn := *done(tf.api.RegisterJobDefinition(t.Context(), &in))(tf).JobDefinitionArn
	d := tf.definition(arn)
	if d == nil || d.ContainerOrchestrationType != types.OrchestrationTypeEks || len(d.PlatformCapabilities) != 0 {
		t.Fatalf("read after create: %+v", d)
	}
	pod := d.EksProperties.PodProperties
	if c := pod.Containers[0]; !*pod.HostNetwork || pod.DnsPolicy != nil || pod.Metadata.Labels["environment"] != "test" || c.Resources.Limits["memory"] != "1024Mi" || len(c.Args) != 0 {
		t.Errorf("read after create: %+v", pod)
	}
}

// Tags of everything change by TagResource and UntagResource alone.
func TestTerraformTags(t *testing.T) {
	t.Parallel()
	tf := newTerraform(t)
	env := tf.createEnvironment("ce")
	queue := tf.createQueue(sdk.CreateJobQueueInput{
		JobQueueName: aws.String("q"), Priority: aws.Int32(1), Tags: map[string]string{"Name": "q"},
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(0), ComputeEnvironment: &env}},
	})
	definition := *done(tf.api.RegisterJobDefinition(t.Context(), &sdk.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("d"), Type: types.JobDefinitionTypeContainer, ContainerProperties: &types.ContainerProperties{Image: aws.String("busybox")}, Tags: map[string]string{"Name": "d"},
	}))(tf).JobDefinitionArn
	for _, arn := range []string{env, queue, definition, tf.createPolicy("p", 60)} {
		t.Run(arn[strings.LastIndex(arn, ":")+1:], func(t *testing.T) {
			t.Parallel()
			list := func(ctx context.Context) map[string]string {
				out, err := tf.api.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: &arn})
				if err != nil {
					t.Fatal(err)
				}
				return out.Tags
			}
			if got := list(t.Context()); len(got) != 1 || got["Name"] == "" {
				t.Errorf("tags at first: %v", got)
			}
			if _, err := tf.api.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"Name"}}); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"key 1": "value/1", "key&2": ""}
			if _, err := tf.api.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: want}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, list(t.Context())); diff != "" {
				t.Errorf("tags mismatch (-want +got):\n%s", diff)
			}
			for key := range want {
				if _, err := tf.api.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{key}}); err != nil {
					t.Fatal(err)
				}
			}
			if got := list(t.Context()); len(got) != 0 || got == nil {
				t.Errorf("tags at last: %v", got)
			}
		})
	}
}

// A whole configuration, applied twice and destroyed twice: nothing of the first life is in the way of the second.
func TestTerraformAppliesAgainAfterDestroy(t *testing.T) {
	t.Parallel()
	tf := newTerraform(t)
	for life := range 2 {
		policy := tf.createPolicy("p", 60)
		env := tf.createEnvironment("ce")
		queue := tf.createQueue(sdk.CreateJobQueueInput{
			JobQueueName: aws.String("q"), Priority: aws.Int32(1), SchedulingPolicyArn: &policy,
			ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(0), ComputeEnvironment: &env}},
		})
		out := done(tf.api.RegisterJobDefinition(t.Context(), &sdk.RegisterJobDefinitionInput{
			JobDefinitionName: aws.String("d"), Type: types.JobDefinitionTypeContainer, ContainerProperties: &types.ContainerProperties{Image: aws.String("busybox")},
		}))(tf)
		if want := fmt.Sprintf("%sjob-definition/d:%d", arnBase, life+1); *out.JobDefinitionArn != want {
			t.Errorf("definition %s, want %s: revisions are never used again", *out.JobDefinitionArn, want)
		}
		done(tf.api.DeregisterJobDefinition(t.Context(), &sdk.DeregisterJobDefinitionInput{JobDefinition: out.JobDefinitionArn}))(tf)
		tf.deleteQueue(queue)
		tf.deleteEnvironment(env)
		done(tf.api.DeleteSchedulingPolicy(t.Context(), &sdk.DeleteSchedulingPolicyInput{Arn: &policy}))(tf)
	}
}
