// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// name is that of the compute environment, the queue and the definition.
const name = "demo"

// script computes something that one can check: there are 17984.
const script = `awk 'BEGIN { n = 200000; for (i = 2; i <= n; i++) if (!c[i]) { k++; for (j = i * i; j <= n; j += i) c[j] = 1 }; print "there are " k " primes below " n }'`

// pollEvery is how often a status is asked for.
const pollEvery = 50 * time.Millisecond

// user is someone with AWS's SDK.
type user struct {
	api       *batch.Client
	namespace string
}

func newUser(env environment) user {
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: env["AWS_ACCESS_KEY_ID"], SecretAccessKey: env["AWS_SECRET_ACCESS_KEY"]}, nil
	})
	api := batch.New(batch.Options{
		Region: env["AWS_DEFAULT_REGION"], BaseEndpoint: aws.String(env["MUSTER_ENDPOINT"]), Credentials: credentials,
	})
	return user{api: api, namespace: env["MUSTER_NAMESPACE"]}
}

// prepare creates what a job needs, unless an earlier demo has.
func (u user) prepare(ctx context.Context) error {
	if err := u.createEnvironment(ctx); err != nil {
		return fmt.Errorf("create compute environment: %w", err)
	}
	if err := u.createQueue(ctx); err != nil {
		return fmt.Errorf("create job queue: %w", err)
	}
	if err := u.registerDefinition(ctx); err != nil {
		return fmt.Errorf("register job definition: %w", err)
	}
	return nil
}

// createEnvironment creates the environment as one does for EKS. A local cluster has no roles or security groups, and subnets
// only where there is a fake of EC2; the request has them because AWS wants them.
func (u user) createEnvironment(ctx context.Context) error {
	before, err := u.api.DescribeComputeEnvironments(ctx, &batch.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{name}})
	if err != nil {
		return err
	}
	if len(before.ComputeEnvironments) == 0 {
		_, err := u.api.CreateComputeEnvironment(ctx, &batch.CreateComputeEnvironmentInput{
			ComputeEnvironmentName: aws.String(name),
			Type:                   types.CETypeManaged,
			EksConfiguration: &types.EksConfiguration{
				EksClusterArn:       aws.String("arn:aws:eks:us-east-1:123456789012:cluster/local"),
				KubernetesNamespace: aws.String(u.namespace),
			},
			ComputeResources: &types.ComputeResource{
				Type:               types.CRTypeEc2,
				AllocationStrategy: types.CRAllocationStrategyBestFitProgressive,
				MinvCpus:           aws.Int32(0),
				MaxvCpus:           aws.Int32(8),
				InstanceTypes:      []string{"optimal"},
				InstanceRole:       aws.String("arn:aws:iam::123456789012:instance-profile/local"),
				Subnets:            []string{"subnet-us-east-1a", "subnet-us-east-1b", "subnet-us-east-1c"},
				SecurityGroupIds:   []string{"sg-local"},
			},
		})
		if err != nil {
			return err
		}
	}
	return poll(ctx, func() (bool, error) {
		now, err := u.api.DescribeComputeEnvironments(ctx, &batch.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{name}})
		if err != nil || len(now.ComputeEnvironments) != 1 {
			return false, err
		}
		environment := now.ComputeEnvironments[0]
		if environment.Status == types.CEStatusInvalid {
			return false, errors.New("it is INVALID: " + aws.ToString(environment.StatusReason))
		}
		return environment.Status == types.CEStatusValid, nil
	})
}

func (u user) createQueue(ctx context.Context) error {
	before, err := u.api.DescribeJobQueues(ctx, &batch.DescribeJobQueuesInput{JobQueues: []string{name}})
	if err != nil {
		return err
	}
	if len(before.JobQueues) == 0 {
		_, err := u.api.CreateJobQueue(ctx, &batch.CreateJobQueueInput{
			JobQueueName:            aws.String(name),
			Priority:                aws.Int32(1),
			ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String(name)}},
		})
		if err != nil {
			return err
		}
	}
	return poll(ctx, func() (bool, error) {
		now, err := u.api.DescribeJobQueues(ctx, &batch.DescribeJobQueuesInput{JobQueues: []string{name}})
		if err != nil || len(now.JobQueues) != 1 {
			return false, err
		}
		queue := now.JobQueues[0]
		if queue.Status == types.JQStatusInvalid {
			return false, errors.New("it is INVALID: " + aws.ToString(queue.StatusReason))
		}
		return queue.Status == types.JQStatusValid, nil
	})
}

func (u user) registerDefinition(ctx context.Context) error {
	return u.register(ctx, &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String(name),
		Type:              types.JobDefinitionTypeContainer,
		EksProperties: &types.EksProperties{PodProperties: &types.EksPodProperties{
			Containers: []types.EksContainer{{
				Name:    aws.String("primes"),
				Image:   aws.String("public.ecr.aws/docker/library/busybox:latest"),
				Command: []string{"sh", "-c", script},
				Resources: &types.EksContainerResourceRequirements{
					Limits: map[string]string{"cpu": "1", "memory": "256Mi"},
				},
			}},
		}},
	})
}

func (u user) submit(ctx context.Context) (id string, err error) {
	out, err := u.api.SubmitJob(ctx, &batch.SubmitJobInput{
		JobName: aws.String("primes"), JobQueue: aws.String(name), JobDefinition: aws.String(name),
	})
	if err != nil {
		return "", fmt.Errorf("submit job: %w", err)
	}
	return aws.ToString(out.JobId), nil
}

func (u user) describe(ctx context.Context, id string) (types.JobDetail, error) {
	out, err := u.api.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: []string{id}})
	if err != nil {
		return types.JobDetail{}, fmt.Errorf("describe job: %w", err)
	}
	if len(out.Jobs) != 1 {
		return types.JobDetail{}, fmt.Errorf("describe job: %d jobs have id %s", len(out.Jobs), id)
	}
	return out.Jobs[0], nil
}

// poll asks until done says so or fails.
func poll(ctx context.Context, done func() (bool, error)) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
