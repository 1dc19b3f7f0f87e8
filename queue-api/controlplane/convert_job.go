// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// jobDetail is what DescribeJobs shows of any job, whatever its definition. What is always there on AWS Batch is there,
// if only empty; what has not happened yet is absent.
func jobDetail(scope batch.Scope, job *batch.Job) awsapi.JobDetail {
	return awsapi.JobDetail{
		JobArn:               new(scope.ARN(batch.ARNJob, job.ID)),
		JobName:              &job.Name,
		JobId:                &job.ID,
		JobQueue:             new(scope.ARN(batch.ARNJobQueue, job.Queue)),
		Status:               new(string(job.Status)),
		StatusReason:         given(job.StatusReason),
		CreatedAt:            millis(job.CreatedAt),
		StartedAt:            millis(job.StartedAt),
		StoppedAt:            millis(job.StoppedAt),
		RetryStrategy:        retryDetail(job.RetryStrategy),
		Timeout:              timeoutDetail(job.Timeout),
		JobDefinition:        new(scope.ARN(batch.ARNJobDefinition, job.Definition.String())),
		Parameters:           orEmptyMap(job.Parameters),
		Tags:                 orEmptyMap(job.Tags),
		PropagateTags:        job.PropagateTags,
		PlatformCapabilities: []string{},
		Attempts:             []awsapi.AttemptDetail{},
		EksAttempts:          []awsapi.EksAttemptDetail{},
		DependsOn:            []awsapi.JobDependency{},
		IsCancelled:          stopped(job, batch.StopCancelled),
		IsTerminated:         stopped(job, batch.StopTerminated),
	}
}

// stopped is true or absent.
func stopped(job *batch.Job, kind batch.StopKind) *bool {
	if job.Stop == nil || job.Stop.Kind != kind {
		return nil
	}
	return new(true)
}

// jobSummary is the record as ListJobs shows it.
func jobSummary(scope batch.Scope, job *batch.Job) awsapi.JobSummary {
	s := awsapi.JobSummary{
		JobArn:        new(scope.ARN(batch.ARNJob, job.ID)),
		JobId:         &job.ID,
		JobName:       &job.Name,
		CreatedAt:     millis(job.CreatedAt),
		Status:        new(string(job.Status)),
		StatusReason:  given(job.StatusReason),
		StartedAt:     millis(job.StartedAt),
		StoppedAt:     millis(job.StoppedAt),
		JobDefinition: new(scope.ARN(batch.ARNJobDefinition, job.Definition.String())),
		IsCancelled:   stopped(job, batch.StopCancelled),
		IsTerminated:  stopped(job, batch.StopTerminated),
	}
	if ended, ok := lastEnded(job); ok && len(ended.Containers) == 1 {
		c := ended.Containers[0]
		s.Container = &awsapi.ContainerSummary{ExitCode: c.ExitCode, Reason: given(ecsReason(c.Reason))}
	}
	return s
}

// shownAttempt is the attempt whose node and pod describe the job: the current one once it has a node, else the last.
func shownAttempt(job *batch.Job) (batch.Attempt, bool) {
	if job.Current != nil && job.Current.NodeName != "" {
		return *job.Current, true
	}
	return lastEnded(job)
}

func lastEnded(job *batch.Job) (batch.Attempt, bool) {
	if len(job.Attempts) == 0 {
		return batch.Attempt{}, false
	}
	return job.Attempts[len(job.Attempts)-1], true
}
