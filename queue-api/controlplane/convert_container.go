// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
)

// showContainer adds what AWS Batch shows of jobs with containerProperties: the merged properties with the run beside
// them, and the attempts that ended.
func showContainer(scope batch.Scope, d *awsapi.JobDetail, job *batch.Job, c *awsapi.ContainerDetail) {
	if a, ok := shownAttempt(job); ok {
		run := containerRun(scope, job.Definition.Name, &a)
		c.ContainerInstanceArn, c.TaskArn, c.LogStreamName = run.ContainerInstanceArn, run.TaskArn, run.LogStreamName
		c.ExitCode, c.Reason = run.ExitCode, run.Reason
	}
	d.Container = c
	d.PropagateTags = new(value(job.PropagateTags))
	for i := range job.Attempts {
		a := &job.Attempts[i]
		d.Attempts = append(d.Attempts, awsapi.AttemptDetail{
			Container:    containerRun(scope, job.Definition.Name, a),
			StartedAt:    millis(a.StartedAt),
			StoppedAt:    millis(a.StoppedAt),
			StatusReason: given(a.StatusReason),
		})
	}
}

// containerRun is an attempt in the words of Amazon ECS, which clients build links from. AWS Batch: the task is there
// once a node is chosen, the log stream once the container runs.
func containerRun(scope batch.Scope, definition string, a *batch.Attempt) *awsapi.AttemptContainerDetail {
	run := &awsapi.AttemptContainerDetail{NetworkInterfaces: []awsapi.NetworkInterface{}}
	run.TaskArn, run.ContainerInstanceArn = taskARNs(scope, a)
	run.LogStreamName = logStreamOf(definition, "default", a)
	if len(a.Containers) > 0 {
		run.ExitCode, run.Reason = a.Containers[0].ExitCode, given(ecsReason(a.Containers[0].Reason))
	}
	return run
}

// taskARNs are the attempt's task and its node; absent until a node is chosen.
func taskARNs(scope batch.Scope, a *batch.Attempt) (task, instance *string) {
	if a.NodeName == "" {
		return nil, nil
	}
	cluster := clusterName(a.ComputeEnvironment)
	return new(ecsARN(scope, "task", cluster+"/"+batch.TaskID(a.PodName))),
		new(ecsARN(scope, "container-instance", cluster+"/"+shortHash(a.NodeName)))
}

// ecsReason is a container's reason in the words of Amazon ECS, which has none for a container that just ended.
func ecsReason(reason string) string {
	switch reason {
	case "Completed", "Error":
		return ""
	case "OOMKilled":
		return lifecycle.ReasonOutOfMemory
	}
	return reason
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

// logStreamOf is the name of a container's log; absent until the attempt runs.
func logStreamOf(definition, container string, a *batch.Attempt) *string {
	if a.StartedAt.IsZero() {
		return nil
	}
	return new(batch.LogStream(definition, container, a.PodName))
}

// clusterName is the ECS cluster that stands for a compute environment's nodes. It lives as long as jobs remember the
// environment, so it holds its name only.
func clusterName(environment string) string { return environment + "_Batch" }

func ecsARN(scope batch.Scope, kind, id string) string {
	return "arn:aws:ecs:" + scope.Region + ":" + scope.Account + ":" + kind + "/" + id
}
