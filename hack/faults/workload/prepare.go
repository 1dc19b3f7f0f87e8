// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// environment is one of the compute environments, each with nodes of 4 vCPUs and more.
type environment struct {
	name     string
	kind     types.CRType
	strategy types.CRAllocationStrategy
	maxvCPUs int32
}

var environments = []environment{
	{"on-demand", types.CRTypeEc2, types.CRAllocationStrategyBestFitProgressive, 24},
	{"spot", types.CRTypeSpot, types.CRAllocationStrategySpotCapacityOptimized, 16},
}

// queues are by name: the environments in their order, and the priority.
var queues = []struct {
	name         string
	environments []string
	priority     int32
}{
	{"first", []string{"on-demand", "spot"}, 10},
	{"second", []string{"spot"}, 1},
}

// Names of the definitions.
const (
	singleName = "single"
	gangName   = "gang"
)

// Prepare makes the environments, the queues and the definitions. It calls found with the uuid and the size of each
// environment before anything can be launched for it.
func (u *Users) Prepare(ctx context.Context, namespace string, found func(uuid string, vcpus int)) error {
	for _, e := range environments {
		if err := u.createEnvironment(ctx, e, namespace, found); err != nil {
			return fmt.Errorf("create compute environment %s: %w", e.name, err)
		}
	}
	for _, q := range queues {
		in := &batch.CreateJobQueueInput{JobQueueName: aws.String(q.name), Priority: &q.priority}
		for i, name := range q.environments {
			in.ComputeEnvironmentOrder = append(in.ComputeEnvironmentOrder, types.ComputeEnvironmentOrder{ComputeEnvironment: aws.String(name), Order: aws.Int32(int32(i + 1))}) //nolint:gosec // few
		}
		err := insist(ctx, func(ctx context.Context) error {
			_, err := u.api.CreateJobQueue(ctx, in)
			return err
		})
		if err != nil {
			return fmt.Errorf("create job queue %s: %w", q.name, err)
		}
	}
	return u.define(ctx)
}

func (u *Users) createEnvironment(ctx context.Context, e environment, namespace string, found func(string, int)) error {
	resources := &types.ComputeResource{
		Type: e.kind, AllocationStrategy: e.strategy, MinvCpus: aws.Int32(0), MaxvCpus: &e.maxvCPUs,
		InstanceTypes: []string{"c5.xlarge", "c5.2xlarge"}, InstanceRole: aws.String("arn:aws:iam::123456789012:instance-profile/node"),
		Subnets: []string{"subnet-us-east-1a", "subnet-us-east-1b"}, SecurityGroupIds: []string{"sg-0123456789abcdef0"},
	}
	err := insist(ctx, func(ctx context.Context) error {
		_, err := u.api.CreateComputeEnvironment(ctx, &batch.CreateComputeEnvironmentInput{
			ComputeEnvironmentName: &e.name, Type: types.CETypeManaged, ComputeResources: resources,
			EksConfiguration: &types.EksConfiguration{
				EksClusterArn: aws.String("arn:aws:eks:us-east-1:123456789012:cluster/local"), KubernetesNamespace: &namespace,
			},
		})
		return err
	})
	if err != nil {
		return err
	}
	return u.awaitValid(ctx, e, found)
}

func (u *Users) awaitValid(ctx context.Context, e environment, found func(string, int)) error {
	for {
		out, err := u.api.DescribeComputeEnvironments(ctx, &batch.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{e.name}})
		if err == nil && len(out.ComputeEnvironments) == 1 && out.ComputeEnvironments[0].Status == types.CEStatusValid {
			found(aws.ToString(out.ComputeEnvironments[0].Uuid), int(e.maxvCPUs))
			return nil
		}
		if !pause(ctx, patience) {
			return errors.Join(ctx.Err(), err)
		}
	}
}

func (u *Users) define(ctx context.Context) error {
	gang := &types.NodeProperties{
		NumNodes: aws.Int32(2), MainNode: aws.Int32(0),
		NodeRangeProperties: []types.NodeRangeProperty{{TargetNodes: aws.String("0:"), Container: container("2")}},
	}
	for _, in := range []*batch.RegisterJobDefinitionInput{
		{JobDefinitionName: aws.String(singleName), Type: types.JobDefinitionTypeContainer, ContainerProperties: container("1")},
		{JobDefinitionName: aws.String(gangName), Type: types.JobDefinitionTypeMultinode, NodeProperties: gang},
	} {
		err := insist(ctx, func(ctx context.Context) error {
			_, err := u.api.RegisterJobDefinition(ctx, in)
			return err
		})
		if err != nil {
			return fmt.Errorf("register job definition %s: %w", *in.JobDefinitionName, err)
		}
	}
	return nil
}

// container asks for so many vCPUs; nothing in it ever runs.
func container(vcpus string) *types.ContainerProperties {
	return &types.ContainerProperties{
		Image: aws.String("busybox"), Command: strings.Fields("sleep 1"),
		ResourceRequirements: []types.ResourceRequirement{
			{Type: types.ResourceTypeVcpu, Value: &vcpus}, {Type: types.ResourceTypeMemory, Value: aws.String("256")},
		},
	}
}
