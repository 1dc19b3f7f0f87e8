// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/muster-batch/muster/hack/sdktest"
)

// site is a compute environment and a queue of one test's own, of the same name. Nodes and jobs of different tests have
// nothing to do with one another.
type site struct {
	api  *sdk.Client
	name string
	// uuid is the environment's, by which pods choose its nodes.
	uuid string
}

// siteConfig is what a test wants otherwise than others.
type siteConfig struct {
	// instanceType is c5.large by default.
	instanceType string
	// maxNodes is how many nodes maxvCpus is worth; 1 by default.
	maxNodes int
}

// nodeCPUs is how many vCPUs a node has: the machine's.
var nodeCPUs = runtime.NumCPU()

// newAPI is the AWS SDK's client of the Batch API.
func newAPI() *sdk.Client { return newAPIOf(local) }

// newAPIOf is the SDK's client of a cluster's Batch API. It does not retry: the tests see every error.
func newAPIOf(c *cluster) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(c.env["MUSTER_ENDPOINT"]),
		Region:       "us-east-1",
		Retryer:      sdktest.Once(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "e2e", SecretAccessKey: "e2e"}, nil
		}),
	})
}

// newSite makes an environment that begins without nodes, and a queue. Both are deleted when the test ends.
func newSite(t *testing.T, name string, cfg siteConfig) *site {
	t.Helper()
	s := &site{api: newAPI(), name: name}
	if cfg.instanceType == "" {
		cfg.instanceType = instanceType
	}
	_, err := s.api.CreateComputeEnvironment(t.Context(), &sdk.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: &s.name,
		Type:                   types.CETypeManaged,
		EksConfiguration: &types.EksConfiguration{
			EksClusterArn:       aws.String("arn:aws:eks:us-east-1:123456789012:cluster/local"),
			KubernetesNamespace: aws.String(local.env["MUSTER_NAMESPACE"]),
		},
		ComputeResources: &types.ComputeResource{
			Type:          types.CRTypeEc2,
			MinvCpus:      aws.Int32(0),
			MaxvCpus:      aws.Int32(int32(max(cfg.maxNodes, 1) * nodeCPUs)),
			InstanceTypes: []string{cfg.instanceType},
			Subnets:       []string{"subnet-0123456789abcdef0"},
		},
	})
	if err != nil {
		t.Fatalf("create compute environment: %v", err)
	}
	t.Cleanup(func() { deleteSite(t, s.api, name) })
	s.uuid = awaitValid(t, s.api, name)
	createQueue(t, s.api, name, name)
	return s
}

func createQueue(t *testing.T, api *sdk.Client, name, environment string) {
	t.Helper()
	_, err := api.CreateJobQueue(t.Context(), &sdk.CreateJobQueueInput{
		JobQueueName: &name,
		Priority:     aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{
			{Order: aws.Int32(1), ComputeEnvironment: &environment},
		},
	})
	if err != nil {
		t.Fatalf("create job queue: %v", err)
	}
}

// awaitValid waits until the environment is VALID and returns its uuid.
func awaitValid(t *testing.T, api *sdk.Client, name string) (uuid string) {
	t.Helper()
	await(t, soon, "compute environment "+name+" becomes VALID", func(ctx context.Context) error {
		out, err := api.DescribeComputeEnvironments(ctx, &sdk.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{name}})
		if err != nil {
			return err
		}
		if len(out.ComputeEnvironments) != 1 {
			return fmt.Errorf("%d environments", len(out.ComputeEnvironments))
		}
		environment := out.ComputeEnvironments[0]
		if environment.Status != types.CEStatusValid {
			return fmt.Errorf("status %s: %s", environment.Status, aws.ToString(environment.StatusReason))
		}
		uuid = aws.ToString(environment.Uuid)
		return nil
	})
	return uuid
}

// deleteSite deletes a queue and an environment of the same name, as AWS Batch's users must: disabled first, and the
// environment when the queue is gone. The environment goes when its nodes have, which is not waited for.
func deleteSite(t *testing.T, api *sdk.Client, name string) {
	t.Helper()
	ctx := context.Background() // the test's own is over
	if err := deleteQueue(ctx, api, name); err != nil {
		t.Errorf("delete job queue %s: %v", name, err)
	}
	if _, err := api.UpdateComputeEnvironment(ctx, &sdk.UpdateComputeEnvironmentInput{
		ComputeEnvironment: &name, State: types.CEStateDisabled,
	}); err != nil {
		t.Errorf("disable compute environment %s: %v", name, err)
	}
	err := poll(ctx, long, func(ctx context.Context) error {
		_, err := api.DeleteComputeEnvironment(ctx, &sdk.DeleteComputeEnvironmentInput{ComputeEnvironment: &name})
		return err
	})
	if err != nil {
		t.Errorf("delete compute environment %s: %v", name, err)
	}
}

func deleteQueue(ctx context.Context, api *sdk.Client, name string) error {
	if _, err := api.UpdateJobQueue(ctx, &sdk.UpdateJobQueueInput{JobQueue: &name, State: types.JQStateDisabled}); err != nil {
		return err
	}
	_, err := api.DeleteJobQueue(ctx, &sdk.DeleteJobQueueInput{JobQueue: &name})
	return err
}
