// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAWSCLIRunsAJob(t *testing.T) {
	aws, w := newCLI(t), newWitness(t)
	const name = "cli"
	arn := func(resource string) string { return "arn:aws:batch:" + cliRegion + ":123456789012:" + resource }

	got := aws.batch(t, "create-compute-environment", "--compute-environment-name", name, "--type", "MANAGED", "--state", "ENABLED",
		"--eks-configuration", "eksClusterArn=arn:aws:eks:"+cliRegion+":123456789012:cluster/local,kubernetesNamespace="+local.env["MUSTER_NAMESPACE"],
		"--compute-resources", fmt.Sprintf("type=EC2,allocationStrategy=BEST_FIT_PROGRESSIVE,minvCpus=0,maxvCpus=%d,instanceTypes=c5.large,"+
			"subnets=subnet-0123456789abcdef0,securityGroupIds=sg-0123456789abcdef0,instanceRole=ecsInstanceRole", nodeCPUs),
		"--query", "computeEnvironmentArn")
	t.Cleanup(func() { deleteSite(t, newAPI(), name) })
	wantText(t, "computeEnvironmentArn", got, arn("compute-environment/cli"))
	await(t, soon, "the compute environment becomes VALID", func(context.Context) error {
		return is("VALID", aws.batch(t, "describe-compute-environments", "--compute-environments", name, "--query", "computeEnvironments[0].status"))
	})

	got = aws.batch(t, "create-job-queue", "--job-queue-name", name, "--priority", "10",
		"--compute-environment-order", "order=1,computeEnvironment="+name, "--query", "jobQueueArn")
	wantText(t, "jobQueueArn", got, arn("job-queue/cli"))

	got = aws.batch(t, "register-job-definition", "--job-definition-name", "sum", "--type", "container",
		"--eks-properties", `{"podProperties": {"volumes": [{"name": "host", "hostPath": {"path": "`+w.folder+`"}}], "containers": [{
			"image": "public.ecr.aws/docker/library/busybox",
			"command": ["sh", "-c", "i=0; s=0; while [ $i -lt 1000 ]; do i=$((i+1)); s=$((s+i)); done; echo the sum is $s; until [ -e /host/go ]; do sleep 0.1; done"],
			"volumeMounts": [{"name": "host", "mountPath": "/host"}],
			"resources": {"limits": {"cpu": "1", "memory": "128Mi"}}}]}}`,
		"--query", "[jobDefinitionArn, revision]")
	wantText(t, "jobDefinitionArn and revision", got, arn("job-definition/sum:1")+"\t1")

	id := aws.batch(t, "submit-job", "--job-name", "sum", "--job-queue", name, "--job-definition", "sum", "--query", "jobId")
	// The log first: when the job has ended, its pod and its node stay for a few seconds only. So it does not end before.
	await(t, long, "the log holds the sum", func(ctx context.Context) error {
		log, err := local.kubectl(ctx, "logs", "--namespace", local.env["MUSTER_NAMESPACE"], "--selector", "batch.amazonaws.com/job-id="+id)
		return errors.Join(err, is("the sum is 500500\n", log))
	})
	w.release(t)
	await(t, long, "the job becomes SUCCEEDED", func(context.Context) error {
		status := aws.batch(t, "describe-jobs", "--jobs", id, "--query", "jobs[0].status")
		if status == "FAILED" {
			return hopelessError{errors.New(aws.batch(t, "describe-jobs", "--jobs", id, "--output", "json"))}
		}
		return is("SUCCEEDED", status)
	})

	got = aws.batch(t, "describe-jobs", "--jobs", id, "--query",
		"jobs[0].[jobArn, jobQueue, jobDefinition, length(eksAttempts), eksAttempts[0].containers[0].exitCode, "+
			"eksProperties.podProperties.podName, eksAttempts[0].podName, eksProperties.podProperties.nodeName]")
	details := strings.Split(got, "\t")
	want := []string{arn("job/" + id), arn("job-queue/cli"), arn("job-definition/sum:1"), "1", "0"}
	if diff := cmp.Diff(want, details[:len(details)-3]); diff != "" {
		t.Errorf("job mismatch (-want +got):\n%s", diff)
	}
	pod, samePod, node := details[len(details)-3], details[len(details)-2], details[len(details)-1]
	if !strings.HasPrefix(pod, "aws-batch.") || pod != samePod || !strings.HasPrefix(node, "i-") {
		t.Errorf("podName = %q, that of the attempt %q, nodeName = %q, want aws-batch.… twice and the name of the fleet's node", pod, samePod, node)
	}
}

func is(want, got string) error {
	if got != want {
		return fmt.Errorf("it is %q, want %q", got, want)
	}
	return nil
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %q, want %q", what, got, want)
	}
}
