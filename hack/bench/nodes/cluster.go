// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// site is a local cluster and its clients.
type site struct {
	env   map[string]string
	api   *batch.Client
	kube  kubernetes.Interface
	cloud string // the log of the fake EC2
}

const portBase = "24400" // beside a demo's

// cluster measures on a local cluster, which is there for that alone.
func (b *bench) cluster(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "muster-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer func() {
		err = errors.Join(err, b.local(context.WithoutCancel(ctx), dir, nil, "down"))
	}()
	if err := b.local(ctx, dir, nil, "up", "--nodes=kwok", "--fleet=ec2", "--port-base="+portBase); err != nil {
		return err
	}
	s, err := b.open(ctx, dir)
	if err != nil {
		return err
	}
	if err := b.latency(ctx, s); err != nil {
		return err
	}
	return b.queued(ctx, s)
}

// local runs a verb of localcluster and reads what it prints as JSON. When ctx ends the verb is asked to end, too.
func (b *bench) local(ctx context.Context, dir string, out any, args ...string) error {
	cmd := exec.CommandContext(ctx, b.localcluster, append([]string{"--dir", dir}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("localcluster %s: %w", args[0], err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

func (b *bench) open(ctx context.Context, dir string) (*site, error) {
	s := &site{}
	if err := b.local(ctx, dir, &s.env, "env", "--json"); err != nil {
		return nil, err
	}
	var status struct {
		Programs []struct{ Name, Log string }
	}
	if err := b.local(ctx, dir, &status, "status", "--json"); err != nil {
		return nil, err
	}
	for _, p := range status.Programs {
		if p.Name == "ec2" {
			s.cloud = p.Log
		}
	}
	s.api = batch.New(batch.Options{
		Region: s.env["AWS_DEFAULT_REGION"], BaseEndpoint: aws.String(s.env["MUSTER_ENDPOINT"]),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: s.env["AWS_ACCESS_KEY_ID"], SecretAccessKey: s.env["AWS_SECRET_ACCESS_KEY"]}, nil
		}),
	})
	config, err := clientcmd.BuildConfigFromFlags("", s.env["KUBECONFIG"])
	if err != nil {
		return nil, err
	}
	s.kube, err = kubernetes.NewForConfig(config)
	return s, err
}

// queue makes an environment of nodes of 4 vCPUs, a queue for it, and once a definition, all of the name.
func (s *site) queue(ctx context.Context, name string, maxvCPUs int32) error {
	_, err := s.api.CreateComputeEnvironment(ctx, &batch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: aws.String(name), Type: types.CETypeManaged,
		EksConfiguration: &types.EksConfiguration{
			EksClusterArn:       aws.String("arn:aws:eks:us-east-1:123456789012:cluster/local"),
			KubernetesNamespace: aws.String(s.env["MUSTER_NAMESPACE"]),
		},
		ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, AllocationStrategy: types.CRAllocationStrategyBestFitProgressive,
			MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(maxvCPUs), InstanceTypes: []string{"c5.xlarge"},
			InstanceRole: aws.String("arn:aws:iam::123456789012:instance-profile/local"),
			Subnets:      []string{"subnet-us-east-1a", "subnet-us-east-1b", "subnet-us-east-1c"}, SecurityGroupIds: []string{"sg-local"},
		},
	})
	if err != nil {
		return fmt.Errorf("create compute environment: %w", err)
	}
	err = await(ctx, "the environment is VALID", func() (bool, error) {
		out, err := s.api.DescribeComputeEnvironments(ctx, &batch.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{name}})
		return err == nil && len(out.ComputeEnvironments) == 1 && out.ComputeEnvironments[0].Status == types.CEStatusValid, err
	})
	if err != nil {
		return err
	}
	_, err = s.api.CreateJobQueue(ctx, &batch.CreateJobQueueInput{
		JobQueueName: aws.String(name), Priority: aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{ComputeEnvironment: aws.String(name), Order: aws.Int32(1)}},
	})
	if err != nil {
		return fmt.Errorf("create job queue: %w", err)
	}
	return nil
}

// define registers a job of most of a node that sleeps for long, as far as KWOK is concerned.
func (s *site) define(ctx context.Context, name string) error {
	_, err := s.api.RegisterJobDefinition(ctx, &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String(name), Type: types.JobDefinitionTypeContainer,
		EksProperties: &types.EksProperties{PodProperties: &types.EksPodProperties{Containers: []types.EksContainer{{
			Image: aws.String("busybox"), Command: []string{"sleep", "600"},
			Env:       []types.EksContainerEnvironmentVariable{{Name: aws.String("SIMULATED_DURATION"), Value: aws.String("600s")}},
			Resources: &types.EksContainerResourceRequirements{Requests: map[string]string{"cpu": "3", "memory": "512Mi"}, Limits: map[string]string{"memory": "512Mi"}},
		}}}},
	})
	return err
}

func (s *site) submit(ctx context.Context, queue, name string, array int32) error {
	in := &batch.SubmitJobInput{JobName: aws.String(name), JobQueue: aws.String(queue), JobDefinition: aws.String(definition)}
	if array > 0 {
		in.ArrayProperties = &types.ArrayProperties{Size: aws.Int32(array)}
	}
	_, err := s.api.SubmitJob(ctx, in)
	return err
}

// await asks again and again until the answer is yes.
func await(ctx context.Context, what string, done func() (bool, error)) error {
	const patience = time.Minute
	for deadline := time.Now().Add(patience); ; {
		ok, err := done()
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain: %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
