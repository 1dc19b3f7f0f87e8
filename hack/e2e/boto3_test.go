// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// boto3Job is what a program that uses containerProperties reads of a job.
type boto3Job struct {
	Status, StatusReason, JobDefinition string
	Container                           boto3Container
	Attempts                            []struct {
		Container    boto3Container
		StatusReason string
		StartedAt    int64
		StoppedAt    int64
	}
	EKSAttempts []any
}

type boto3Container struct {
	ExitCode      *int
	Image         string
	TaskArn       string
	LogStreamName string
}

func TestBoto3RunsAContainerJob(t *testing.T) {
	t.Parallel()
	const name = "boto3"
	folder := t.TempDir()
	t.Cleanup(func() { deleteSite(t, newAPI(), name) })
	cmd := exec.CommandContext(t.Context(), python, "testdata/container_job.py", local.env["MUSTER_ENDPOINT"], name, strconv.Itoa(nodeCPUs), folder)
	cmd.Env = awsEnvironment(t)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("container_job.py: %v", err)
	}
	var job boto3Job
	if err := json.Unmarshal(output, &job); err != nil {
		t.Fatalf("container_job.py printed %q: %v", output, err)
	}

	const reason = "Essential container in task exited"
	if job.Status != "SUCCEEDED" || job.StatusReason != reason {
		t.Errorf("status = %s (%s), want SUCCEEDED (%s)", job.Status, job.StatusReason, reason)
	}
	wantText(t, "jobDefinition", job.JobDefinition, "arn:aws:batch:"+cliRegion+":123456789012:job-definition/boto3:1")
	if job.Container.ExitCode == nil || *job.Container.ExitCode != 0 {
		t.Errorf("container.exitCode = %v, want 0", job.Container.ExitCode)
	}
	wantText(t, "container.image", job.Container.Image, "public.ecr.aws/docker/library/busybox")
	if !strings.HasPrefix(job.Container.LogStreamName, "boto3/default/") {
		t.Errorf("container.logStreamName = %q, want boto3/default/…", job.Container.LogStreamName)
	}
	if len(job.Attempts) != 1 || len(job.EKSAttempts) != 0 {
		t.Fatalf("%d attempts and %d eksAttempts, want 1 and 0:\n%s", len(job.Attempts), len(job.EKSAttempts), output)
	}
	attempt := job.Attempts[0]
	wantText(t, "attempts[0].statusReason", attempt.StatusReason, reason)
	wantText(t, "attempts[0].container.logStreamName", attempt.Container.LogStreamName, job.Container.LogStreamName)
	wantText(t, "attempts[0].container.taskArn", attempt.Container.TaskArn, job.Container.TaskArn)
	if attempt.Container.ExitCode == nil || attempt.StartedAt == 0 || attempt.StoppedAt < attempt.StartedAt {
		t.Errorf("attempts[0] = %+v", attempt)
	}
	// The container saw the definition's variable, the submission's, and AWS Batch's own.
	written, err := os.ReadFile(folder + "/environment")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("hello from boto3 in boto3, attempt 1\n", string(written)); diff != "" {
		t.Errorf("what the container wrote (-want +got):\n%s", diff)
	}
}
