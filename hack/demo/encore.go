// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/muster-batch/muster/hack/freeport"
	"github.com/muster-batch/muster/hack/localcluster/progress"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// encore is a job that follows the first one, on the same environment, and is told in a line.
type encore struct {
	what, remark string
	took         time.Duration
}

// Names of the encores' definitions, and their sizes.
const (
	arrayName, children = name + "-array", 4
	gangName, nodes     = name + "-gang", 2
)

// meet is a node of the gang: the main one listens at the port that is its first argument, the other calls it there.
const meet = `if [ "$AWS_BATCH_JOB_NODE_INDEX" = "$AWS_BATCH_JOB_MAIN_NODE_INDEX" ]; then nc -l -p "$1"; else
	until echo "node $AWS_BATCH_JOB_NODE_INDEX of $AWS_BATCH_JOB_NUM_NODES reached the main node at $AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS" |
		nc "$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS" "$1"; do sleep 0.1; done
fi`

// container is a shell script as AWS Batch's own jobs write it.
func container(vcpus, script string, args ...string) *types.ContainerProperties {
	return &types.ContainerProperties{
		Image:   aws.String("public.ecr.aws/docker/library/busybox:latest"),
		Command: append([]string{"sh", "-c", script, "sh"}, args...),
		ResourceRequirements: []types.ResourceRequirement{
			{Type: types.ResourceTypeVcpu, Value: &vcpus},
			{Type: types.ResourceTypeMemory, Value: aws.String("64")},
		},
	}
}

// runArray runs an array whose children share the work.
func runArray(ctx context.Context, line *progress.Step, u user) (encore, error) {
	err := u.register(ctx, &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String(arrayName), Type: types.JobDefinitionTypeContainer,
		ContainerProperties: container("0.5", `echo "child $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE"`),
	})
	if err != nil {
		return encore{}, err
	}
	job, took, err := u.run(ctx, line, &batch.SubmitJobInput{
		JobName: aws.String("array"), JobQueue: aws.String(name), JobDefinition: aws.String(arrayName),
		ArrayProperties: &types.ArrayProperties{Size: aws.Int32(children)},
	})
	if err != nil {
		return encore{}, err
	}
	succeeded := job.ArrayProperties.StatusSummary[string(types.JobStatusSucceeded)]
	return encore{what: fmt.Sprintf("array of %d", children), took: took, remark: fmt.Sprintf("%d children SUCCEEDED", succeeded)}, nil
}

// runGang runs a multi-node job whose nodes start together and meet.
func runGang(ctx context.Context, line *progress.Step, u user, w *watcher) (encore, error) {
	port, release, err := freeport.Take() // nodes share this machine's
	if err != nil {
		return encore{}, err
	}
	defer release()
	err = u.register(ctx, &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String(gangName), Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{
			NumNodes: aws.Int32(nodes), MainNode: aws.Int32(0),
			NodeRangeProperties: []types.NodeRangeProperty{{TargetNodes: aws.String("0:"), Container: container("1", meet, "Ref::port")}},
		},
	})
	if err != nil {
		return encore{}, err
	}
	job, took, err := u.run(ctx, line, &batch.SubmitJobInput{
		JobName: aws.String("gang"), JobQueue: aws.String(name), JobDefinition: aws.String(gangName),
		Parameters: map[string]string{"port": strconv.Itoa(port)},
	})
	if err != nil {
		return encore{}, err
	}
	pod, err := w.findPod(ctx, aws.ToString(job.JobId), batchmeta.NodeIndex+"=0")
	if err != nil {
		return encore{}, err
	}
	said, err := w.log(ctx, pod.Namespace, pod.Name)
	if err != nil { // A simulated node has no log to give.
		said = fmt.Sprintf("%d nodes", nodes)
	}
	return encore{what: fmt.Sprintf("gang of %d", nodes), took: took, remark: strings.TrimSpace(said)}, nil
}

// register registers a definition unless an earlier demo has.
func (u user) register(ctx context.Context, in *batch.RegisterJobDefinitionInput) error {
	before, err := u.api.DescribeJobDefinitions(ctx, &batch.DescribeJobDefinitionsInput{
		JobDefinitionName: in.JobDefinitionName, Status: aws.String("ACTIVE"),
	})
	if err != nil || len(before.JobDefinitions) > 0 {
		return err
	}
	_, err = u.api.RegisterJobDefinition(ctx, in)
	return err
}

// run submits a job and waits until it has SUCCEEDED.
func (u user) run(ctx context.Context, line *progress.Step, in *batch.SubmitJobInput) (types.JobDetail, time.Duration, error) {
	submitted := time.Now()
	out, err := u.api.SubmitJob(ctx, in)
	if err != nil {
		return types.JobDetail{}, 0, fmt.Errorf("submit job: %w", err)
	}
	job, err := u.await(ctx, aws.ToString(out.JobId), func(job types.JobDetail) {
		line.Note("%s %s", job.Status, aws.ToString(job.StatusReason))
	})
	if err == nil && job.Status == types.JobStatusFailed {
		err = fmt.Errorf("job %s FAILED: %s", aws.ToString(job.JobId), aws.ToString(job.StatusReason))
	}
	return job, time.Since(submitted), err
}
