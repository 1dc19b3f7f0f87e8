// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// newFargateSite makes an environment of Fargate's and a queue in a cluster: it names no instance types, and there is room for
// a number of the least tasks.
func newFargateSite(t *testing.T, c *cluster, name string, kind types.CRType) *site {
	t.Helper()
	s := &site{api: newAPIOf(c), name: name}
	_, err := s.api.CreateComputeEnvironment(t.Context(), &sdk.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: &s.name, Type: types.CETypeManaged,
		ComputeResources: &types.ComputeResource{
			Type: kind, MaxvCpus: aws.Int32(1),
			Subnets: []string{"subnet-" + zone}, SecurityGroupIds: []string{"sg-0123456789abcdef0"},
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

// submitTasks submits an array of the least tasks that Fargate has.
func (s *site) submitTasks(t *testing.T, script string, size int32) string {
	t.Helper()
	architecture := map[string]string{"amd64": "X86_64", "arm64": "ARM64"}[runtime.GOARCH]
	definition := s.register(t, &sdk.RegisterJobDefinitionInput{
		Type: types.JobDefinitionTypeContainer, PlatformCapabilities: []types.PlatformCapability{types.PlatformCapabilityFargate},
		ContainerProperties: &types.ContainerProperties{
			Image: aws.String(busybox), Command: []string{"sh", "-c", script},
			ExecutionRoleArn: aws.String("arn:aws:iam::123456789012:role/execution"),
			ResourceRequirements: []types.ResourceRequirement{
				{Type: types.ResourceTypeVcpu, Value: aws.String("0.25")}, {Type: types.ResourceTypeMemory, Value: aws.String("512")},
			},
			RuntimePlatform: &types.RuntimePlatform{CpuArchitecture: &architecture},
		},
	})
	return s.start(t, &sdk.SubmitJobInput{JobDefinition: &definition, ArrayProperties: &types.ArrayProperties{Size: &size}})
}

// wantAlone waits until the job has ended and its nodes are gone, and looks all the while: no node ever has two pods, not even
// one after the other. It returns how many nodes there were.
func (s *site) wantAlone(t *testing.T, c *cluster, id string) int {
	t.Helper()
	tenants := map[string]string{} // pods by node
	await(t, long, "the job ends and its nodes go", func(ctx context.Context) error {
		pods, err := c.pods(ctx, s.uuid)
		if err != nil {
			return err
		}
		nodes, err := c.nodes(ctx, s.uuid)
		if err != nil {
			return err
		}
		return errors.Join(noteTenants(tenants, pods, nodes), s.isOver(ctx, id, len(nodes)))
	})
	return len(tenants)
}

func noteTenants(tenants map[string]string, pods []corev1.Pod, nodes []corev1.Node) error {
	for i := range pods {
		pod := &pods[i]
		if other := tenants[pod.Spec.NodeName]; other != "" && other != string(pod.UID) {
			return hopelessError{fmt.Errorf("node %s has two pods, %s and %s", pod.Spec.NodeName, other, pod.UID)}
		}
		if pod.Spec.NodeName != "" {
			tenants[pod.Spec.NodeName] = string(pod.UID)
		}
	}
	for i := range nodes {
		if tenant := nodes[i].Annotations[batchmeta.Tenant]; tenants[nodes[i].Name] != "" && tenant != tenants[nodes[i].Name] {
			return hopelessError{fmt.Errorf("node %s is claimed by %q and has %s", nodes[i].Name, tenant, tenants[nodes[i].Name])}
		}
	}
	return nil
}

func (s *site) isOver(ctx context.Context, id string, nodes int) error {
	job, err := s.job(ctx, id)
	if err != nil {
		return err
	}
	if job.Status == types.JobStatusFailed {
		return hopelessError{fmt.Errorf("the job failed:\n%s", show(job))}
	}
	if job.Status != types.JobStatusSucceeded || nodes > 0 {
		return fmt.Errorf("the job is %s, and there are %d nodes", job.Status, nodes)
	}
	return nil
}

// Of tasks that would all fit on one machine, each has its own, as many at a time as maxvCpus allows tasks.
func TestFargateTasksAreAlone(t *testing.T) {
	t.Parallel()
	s := newFargateSite(t, local, "fargate", types.CRTypeFargate)
	submitted := time.Now()
	id := s.submitTasks(t, "sleep 5", 3)
	if n := s.wantAlone(t, local, id); n != 3 {
		t.Errorf("%d nodes had pods, want 3", n)
	}
	t.Logf("submit to no nodes %v", time.Since(submitted).Round(time.Millisecond))
	if n := local.launched(t, s.name); n != 3 {
		t.Errorf("%d instances were launched, want 3", n)
	}
}

// EC2 gives each task an instance of the smallest type that holds it, of those that this cloud has.
func TestEC2FargateTasksGetTheSmallestInstance(t *testing.T) {
	t.Parallel()
	cloud.need(t)
	s := newFargateSite(t, cloud.cluster, "ec2-fargate", types.CRTypeFargate)
	s.wantAlone(t, cloud.cluster, s.submitTasks(t, "sleep 5", 2))
	var got []string
	for _, i := range cloud.ofEnvironment(t, s.uuid) {
		got = append(got, i.Type+" "+i.Capacity)
	}
	if diff := cmp.Diff([]string{"c6i.large on-demand", "c6i.large on-demand"}, got); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
}
