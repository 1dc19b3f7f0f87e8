// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbatch "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/smithy-go"
	"github.com/spf13/pflag"

	"github.com/muster-batch/muster/hack/kubetest"
	"github.com/muster-batch/muster/hack/sdktest"
)

// noCluster is a kubeconfig of an API server that is down: jobs are accepted and wait.
const noCluster = `{"apiVersion":"v1","kind":"Config","current-context":"none","contexts":[{"name":"none","context":{"cluster":"none","user":"none"}}],` +
	`"clusters":[{"name":"none","cluster":{"server":"http://127.0.0.1:1"}}],"users":[{"name":"none","user":{}}]}`

// startProgram runs the program in this process without a cluster until the test ends, and gives a client.
func startProgram(t *testing.T, args ...string) *awsbatch.Client {
	t.Helper()
	var o options
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.addFlags(fs)
	args = append(args, "--kubeconfig="+writeKubeconfig(t), "--listen="+freeAddress(t), "--health-address="+freeAddress(t))
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	runProgram(t, o)
	return awsbatch.New(awsbatch.Options{
		BaseEndpoint: aws.String("http://" + o.listen), Region: "eu-west-1", Retryer: sdktest.Once(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	})
}

// freeAddress is nobody else's until the test ends.
func freeAddress(t *testing.T) string {
	t.Helper()
	return kubetest.FreeAddress(t)
}

// patience is how long eventually waits: on a machine that does much else, too, a program takes its time to start.
const patience = 3 * time.Minute

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// submitOne makes what a job needs and submits one.
func submitOne(t *testing.T, client *awsbatch.Client) string {
	t.Helper()
	ctx := t.Context()
	_, err := client.CreateComputeEnvironment(ctx, &awsbatch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: aws.String("ce"), Type: types.CETypeManaged,
		ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(4), InstanceTypes: []string{"optimal"}, Subnets: []string{"s"},
			AllocationStrategy: types.CRAllocationStrategyBestFitProgressive,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CreateJobQueue(ctx, &awsbatch.CreateJobQueueInput{
		JobQueueName: aws.String("q"), Priority: aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String("ce")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.RegisterJobDefinition(ctx, &awsbatch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("d"), Type: types.JobDefinitionTypeContainer,
		ContainerProperties: &types.ContainerProperties{Image: aws.String("busybox"), ResourceRequirements: []types.ResourceRequirement{
			{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("64")},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.SubmitJob(ctx, &awsbatch.SubmitJobInput{
		JobName: aws.String("j"), JobQueue: aws.String("q"), JobDefinition: aws.String("d"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.JobId)
}

func statusOf(t *testing.T, client *awsbatch.Client, id string) (types.JobStatus, error) {
	t.Helper()
	out, err := client.DescribeJobs(t.Context(), &awsbatch.DescribeJobsInput{Jobs: []string{id}})
	if err != nil {
		return "", err
	}
	if len(out.Jobs) != 1 {
		t.Fatalf("%d jobs described", len(out.Jobs))
	}
	return out.Jobs[0].Status, nil
}

// childPID finds the redis-server that the program started, by the socket it listens on; 0 if there is none now.
func childPID(t *testing.T, dataDir string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		command, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(command), "redis-server") || !strings.Contains(string(command), dataDir) {
			continue // it ended meanwhile, or is another
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	return 0
}

func TestJobSurvivesTheDeathOfRedis(t *testing.T) {
	dir := t.TempDir()
	client := startProgram(t, "--data-dir="+dir)
	id := submitOne(t, client)
	child := childPID(t, dir)
	if child == 0 {
		t.Fatal("no child redis-server")
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err := client.DescribeJobs(t.Context(), &awsbatch.DescribeJobsInput{Jobs: []string{id}})
	var api smithy.APIError
	switch {
	case err == nil && childPID(t, dir) != 0: // on a slow machine another one is there by now
	case !errors.As(err, &api) || api.ErrorFault() != smithy.FaultServer:
		t.Errorf("without Redis a call gives %v, want a ServerException", err)
	}
	eventually(t, "the job is known again", func() bool {
		status, err := statusOf(t, client, id)
		return err == nil && status == types.JobStatusRunnable
	})
}

func TestDevelopmentNeedsNoRedis(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no redis-server there
	client := startProgram(t, "--dev")
	id := submitOne(t, client)
	if status, err := statusOf(t, client, id); err != nil || status != types.JobStatusRunnable {
		t.Errorf("got %s %v", status, err)
	}
}

func TestWithoutRedisAndWithoutDevIsRefused(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var o options
	o.addFlags(pflag.NewFlagSet("", pflag.ContinueOnError))
	if _, _, err := openRedis(t.Context(), nil, o); err == nil || !strings.Contains(err.Error(), "apt-get install redis-server") {
		t.Errorf("got %v, want what to install", err)
	}
}

// runProgram runs the program until the test ends and returns once it is ready.
func runProgram(t *testing.T, o options) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	eventually(t, "the program is ready", func() bool {
		resp, err := http.Get("http://" + o.healthAddress + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}
