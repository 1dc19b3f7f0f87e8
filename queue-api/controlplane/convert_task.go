// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// showTask adds what AWS Batch shows of jobs with ecsProperties: the merged task with the run beside it, and the attempts
// that ended, container by container.
func showTask(scope batch.Scope, d *awsapi.JobDetail, job *batch.Job, p *awsapi.EcsPropertiesDetail) {
	d.EcsProperties = p
	d.PropagateTags = new(value(job.PropagateTags))
	task := &p.TaskProperties[0]
	registered := make([]*string, len(task.Containers))
	for i := range task.Containers {
		registered[i] = task.Containers[i].Name
	}
	if a, ok := shownAttempt(job); ok {
		task.TaskArn, task.ContainerInstanceArn = taskARNs(scope, &a)
		for i, run := range taskRuns(job.Definition.Name, registered, &a) {
			c := &task.Containers[i]
			c.ExitCode, c.Reason, c.LogStreamName = run.ExitCode, run.Reason, run.LogStreamName
		}
	}
	for i := range job.Attempts {
		a := &job.Attempts[i]
		detail := awsapi.AttemptEcsTaskDetails{Containers: taskRuns(job.Definition.Name, registered, a)}
		detail.TaskArn, detail.ContainerInstanceArn = taskARNs(scope, a)
		d.Attempts = append(d.Attempts, awsapi.AttemptDetail{
			TaskProperties: []awsapi.AttemptEcsTaskDetails{detail},
			StartedAt:      millis(a.StartedAt),
			StoppedAt:      millis(a.StoppedAt),
			StatusReason:   given(a.StatusReason),
		})
	}
}

// taskRuns is what became of each container of a task, under the names that were registered. One that others wait for to
// end runs as an init container.
func taskRuns(definition string, registered []*string, a *batch.Attempt) []awsapi.AttemptTaskContainerDetails {
	runs := make([]awsapi.AttemptTaskContainerDetails, len(registered))
	for i, name := range registered {
		called := podspec.TaskContainerName(name)
		runs[i] = awsapi.AttemptTaskContainerDetails{
			Name:              name,
			LogStreamName:     logStreamOf(definition, called, a),
			NetworkInterfaces: []awsapi.NetworkInterface{},
		}
		for _, outcomes := range [...][]batch.ContainerOutcome{a.InitContainers, a.Containers} {
			for _, o := range outcomes {
				if o.Name == called {
					runs[i].ExitCode, runs[i].Reason = o.ExitCode, given(ecsReason(o.Reason))
				}
			}
		}
	}
	return runs
}
