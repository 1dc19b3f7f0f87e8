// SPDX-License-Identifier: Apache-2.0

//go:build integration && crashpoints

package crash

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// What every world has, by name. Queues of the same names as environments prefer these.
const (
	environmentMain = "main"
	environmentDry  = "dry" // has no capacity while world.dry
	queueShared     = "shared"
	licence         = "licence"
	policyName      = "policy"
)

// Job definitions.
const (
	definitionOK       = "ok"
	definitionOnceBad  = "once-bad"
	definitionBad      = "bad"
	definitionHolds    = "holds"
	definitionGang     = "gang"
	definitionLicensed = "licensed"
)

func (w *world) setUp() {
	w.createEnvironment(environmentMain)
	w.createEnvironment(environmentDry)
	policy, err := w.api.CreateSchedulingPolicy(w.t.Context(), &sdk.CreateSchedulingPolicyInput{
		Name: aws.String(policyName), FairsharePolicy: &types.FairsharePolicy{},
	})
	w.must(err)
	w.createQueue(environmentMain, nil, environmentMain)
	w.createQueue(environmentDry, nil, environmentDry, environmentMain)
	w.createQueue(queueShared, policy.Arn, environmentMain)
	_, err = w.api.CreateConsumableResource(w.t.Context(), &sdk.CreateConsumableResourceInput{
		ConsumableResourceName: aws.String(licence), TotalQuantity: aws.Int64(2),
	})
	w.must(err)
	w.define(definitionOK, 0, false)
	w.define(definitionOnceBad, 1, false)
	w.define(definitionBad, 100, false)
	w.define(definitionHolds, 0, true)
	w.defineGang()
	w.defineLicensed()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) createEnvironment(name string) {
	w.t.Helper()
	_, err := w.api.CreateComputeEnvironment(w.t.Context(), &sdk.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: &name, Type: types.CETypeManaged,
		EksConfiguration: &types.EksConfiguration{
			EksClusterArn: aws.String("arn:aws:eks:us-east-1:123456789012:cluster/local"), KubernetesNamespace: &w.name,
		},
		ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(8), InstanceTypes: []string{"c5.large"},
			Subnets: []string{"subnet-0123456789abcdef0"},
		},
	})
	w.must(err)
	w.await("compute environment "+name+" is VALID", func() bool {
		out, err := w.api.DescribeComputeEnvironments(w.t.Context(), &sdk.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{name}})
		if err != nil || len(out.ComputeEnvironments) != 1 {
			return false
		}
		if name == environmentDry {
			w.dryUUID = aws.ToString(out.ComputeEnvironments[0].Uuid)
		}
		return out.ComputeEnvironments[0].Status == types.CEStatusValid
	})
}

func (w *world) createQueue(name string, policy *string, environments ...string) {
	w.t.Helper()
	in := &sdk.CreateJobQueueInput{JobQueueName: &name, Priority: aws.Int32(1), SchedulingPolicyArn: policy}
	for i, e := range environments {
		in.ComputeEnvironmentOrder = append(in.ComputeEnvironmentOrder, types.ComputeEnvironmentOrder{Order: aws.Int32(int32(i + 1)), ComputeEnvironment: &e})
	}
	_, err := w.api.CreateJobQueue(w.t.Context(), in)
	w.must(err)
}

// pod is what containers are like.
func podOf(variables ...types.EksContainerEnvironmentVariable) *types.EksPodProperties {
	return &types.EksPodProperties{Containers: []types.EksContainer{{
		Image: aws.String("busybox"), Env: variables,
		Resources: &types.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1", "memory": "64Mi"}},
	}}}
}

// define makes a job definition of which so many attempts fail, or which runs until it is ended.
func (w *world) define(name string, fails int, holds bool) {
	w.t.Helper()
	var variables []types.EksContainerEnvironmentVariable
	if fails > 0 {
		variables = append(variables, types.EksContainerEnvironmentVariable{Name: aws.String(envFails), Value: aws.String(strconv.Itoa(fails))})
	}
	if holds {
		variables = append(variables, types.EksContainerEnvironmentVariable{Name: aws.String(envHolds), Value: aws.String("yes")})
	}
	_, err := w.api.RegisterJobDefinition(w.t.Context(), &sdk.RegisterJobDefinitionInput{
		JobDefinitionName: &name, Type: types.JobDefinitionTypeContainer, EksProperties: &types.EksProperties{PodProperties: podOf(variables...)},
	})
	w.must(err)
}

func (w *world) defineGang() {
	w.t.Helper()
	_, err := w.api.RegisterJobDefinition(w.t.Context(), &sdk.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String(definitionGang), Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{
			MainNode: aws.Int32(0), NumNodes: aws.Int32(2),
			NodeRangeProperties: []types.NodeRangeProperty{{
				TargetNodes: aws.String("0:1"), EksProperties: &types.EksProperties{PodProperties: podOf()},
			}},
		},
	})
	w.must(err)
}

func (w *world) defineLicensed() {
	w.t.Helper()
	_, err := w.api.RegisterJobDefinition(w.t.Context(), &sdk.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String(definitionLicensed), Type: types.JobDefinitionTypeContainer,
		EksProperties: &types.EksProperties{PodProperties: podOf()},
		ConsumableResourceProperties: &types.ConsumableResourceProperties{ConsumableResourceList: []types.ConsumableResourceRequirement{
			{ConsumableResource: aws.String(licence), Quantity: aws.Int64(1)},
		}},
	})
	w.must(err)
}
