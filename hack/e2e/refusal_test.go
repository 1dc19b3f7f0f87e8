// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, "refuse", siteConfig{})
	definition := s.submit(t, shell{script: "true"}) // registers one
	cases := map[string]struct {
		operation, body string
		want            string
	}{
		"a body that is no JSON":         {"submitjob", `{"jobName": "j"`, "JSON"},
		"a member of another type":       {"submitjob", `{"jobName": 7, "jobQueue": "refuse", "jobDefinition": "refuse"}`, "jobName"},
		"a job of more than 64 KiB":      {"submitjob", `{"jobName": "` + strings.Repeat("j", 64<<10) + `"}`, "65536"},
		"a body of more than 256 KiB":    {"registerjobdefinition", `{"jobDefinitionName": "` + strings.Repeat("j", 256<<10) + `"}`, "262144"},
		"a missing member":               {"submitjob", `{"jobName": "j", "jobDefinition": "refuse"}`, "jobQueue"},
		"a job name":                     {"submitjob", `{"jobName": "a b", "jobQueue": "refuse", "jobDefinition": "refuse"}`, "Job name should match valid pattern"},
		"an unknown queue":               {"submitjob", `{"jobName": "j", "jobQueue": "nowhere", "jobDefinition": "refuse"}`, "JobQueue nowhere not found."},
		"an unknown definition":          {"submitjob", `{"jobName": "j", "jobQueue": "refuse", "jobDefinition": "nothing"}`, "JobDefinition name nothing does not exist or is not in ACTIVE status"},
		"attempts out of bounds":         {"submitjob", `{"jobName": "j", "jobQueue": "refuse", "jobDefinition": "refuse", "retryStrategy": {"attempts": 11}}`, "retryStrategy.attempts"},
		"a timeout of less than 60 s":    {"submitjob", `{"jobName": "j", "jobQueue": "refuse", "jobDefinition": "refuse", "timeout": {"attemptDurationSeconds": 59}}`, "attemptDurationSeconds"},
		"a queue's name":                 {"createjobqueue", `{"jobQueueName": "bad/queue", "priority": 1, "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "refuse"}]}`, "Provided name bad/queue is not supported"},
		"a queue without environment":    {"createjobqueue", `{"jobQueueName": "bad-queue", "priority": 1, "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "nowhere"}]}`, "nowhere"},
		"an environment's name":          {"createcomputeenvironment", `{"computeEnvironmentName": "", "type": "MANAGED"}`, "not supported"},
		"an environment without maxima":  {"createcomputeenvironment", `{"computeEnvironmentName": "bad-environment", "type": "MANAGED", "computeResources": {"type": "EC2", "instanceTypes": ["c5.large"], "subnets": []}}`, "axvCpus"},
		"a definition's vCPUs":           {"registerjobdefinition", `{"jobDefinitionName": "bad-definition", "type": "container", "containerProperties": {"image": "busybox", "resourceRequirements": [{"type": "VCPU", "value": "lots"}]}}`, "Value lots for type VCPU in resourceRequirement is not valid"},
		"a definition of two kinds":      {"registerjobdefinition", `{"jobDefinitionName": "bad-definition", "type": "container", "containerProperties": {"image": "busybox"}, "eksProperties": {"podProperties": {"containers": [{"image": "busybox"}]}}}`, "eksProperties"},
		"a second environment of a name": {"createcomputeenvironment", `{"computeEnvironmentName": "refuse", "type": "UNMANAGED"}`, "exist"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply := post(t, tc.operation, tc.body)
			if reply.status != 400 || reply.errorType != "ClientException" || !strings.Contains(reply.body, tc.want) {
				t.Errorf("%s answers %d %s %.400s, want 400 ClientException with %q", tc.operation, reply.status, reply.errorType, reply.body, tc.want)
			}
		})
	}
	t.Cleanup(func() { s.wantNothingElse(t, definition) })
}

// wantNothingElse checks that the refused requests have left nothing behind: no resource of a bad name, and no job but one.
func (s *site) wantNothingElse(t *testing.T, jobID string) {
	t.Helper()
	ctx := context.Background() // the test's own is over
	queues, err := s.api.DescribeJobQueues(ctx, &sdk.DescribeJobQueuesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, queue := range queues.JobQueues {
		wantGood(t, aws.ToString(queue.JobQueueName))
	}
	environments, err := s.api.DescribeComputeEnvironments(ctx, &sdk.DescribeComputeEnvironmentsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, environment := range environments.ComputeEnvironments {
		wantGood(t, aws.ToString(environment.ComputeEnvironmentName))
	}
	definitions, err := s.api.DescribeJobDefinitions(ctx, &sdk.DescribeJobDefinitionsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, definition := range definitions.JobDefinitions {
		wantGood(t, aws.ToString(definition.JobDefinitionName))
	}
	for _, status := range types.JobStatus("").Values() {
		jobs, err := s.api.ListJobs(ctx, &sdk.ListJobsInput{JobQueue: &s.name, JobStatus: status})
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range jobs.JobSummaryList {
			if aws.ToString(job.JobId) != jobID {
				t.Errorf("there is a job from a request that was refused:\n%s", show(job))
			}
		}
	}
}

func wantGood(t *testing.T, name string) {
	t.Helper()
	if name == "" || strings.HasPrefix(name, "bad") {
		t.Errorf("there is a resource named %q from a request that was refused", name)
	}
}

func TestAWSCLIShowsRefusals(t *testing.T) {
	t.Parallel()
	_, err := newCLI(t).try(t, "submit-job", "--job-name", "j", "--job-queue", "nowhere", "--job-definition", "nothing")
	const want = "An error occurred (ClientException) when calling the SubmitJob operation: Error executing request, Exception : JobQueue nowhere not found., RequestId: "
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error = %v, want one with %q", err, want)
	}
}

func TestWaitingJobSaysWhy(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		site siteConfig
		cpu  int
		want string
	}{
		"out-of-capacity": {siteConfig{instanceType: instanceTypeNone}, 1, "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - "},
		"launch-fails":    {siteConfig{instanceType: instanceTypeBroken}, 1, "MISCONFIGURATION:FLEET_LAUNCH_FAILED - instance type [broken.large]: "},
		"too-large":       {siteConfig{}, nodeCPUs + 1, "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - "},
		"no-such-node":    {siteConfig{maxNodes: 2}, nodeCPUs + 1, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - "},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, name, tc.site)
			id := s.submit(t, shell{script: "true", cpu: strconv.Itoa(tc.cpu)})
			await(t, soon, "the job says why it waits", func(ctx context.Context) error {
				job, err := s.job(ctx, id)
				if err != nil {
					return err
				}
				if got := aws.ToString(job.StatusReason); job.Status != types.JobStatusRunnable || !strings.HasPrefix(got, tc.want) {
					return fmt.Errorf("it is %s because %q, want RUNNABLE because %q", job.Status, got, tc.want)
				}
				return nil
			})
			if instances, err := local.instances(t.Context(), s.name); err != nil || len(instances) > 0 {
				t.Errorf("instances = %v, want none (%v)", instances, err)
			}
		})
	}
}
