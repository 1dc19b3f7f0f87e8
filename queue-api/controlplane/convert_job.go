// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// jobDetail is what DescribeJobs shows of any job, whatever its definition. What is always there on AWS Batch is there,
// if only empty; what has not happened yet is absent.
func jobDetail(scope batch.Scope, job *batch.Job, now time.Time) awsapi.JobDetail {
	d := awsapi.JobDetail{
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
		DependsOn:            dependencyDetail(job.DependsOn),
		ShareIdentifier:      given(job.ShareIdentifier),
		IsCancelled:          stopped(job, batch.StopCancelled),
		IsTerminated:         stopped(job, batch.StopTerminated),

		ConsumableResourceProperties: consumptionDetail(scope, job.Consumables),
	}
	if job.ShareIdentifier != "" {
		d.SchedulingPriority = &job.SchedulingPriority
	}
	showArray(&d, job, now)
	return d
}

func dependencyDetail(list []batch.Dependency) []awsapi.JobDependency {
	out := make([]awsapi.JobDependency, len(list))
	for i, d := range list {
		out[i] = awsapi.JobDependency{JobId: given(d.JobID), Type: given(string(d.Type))}
	}
	return out
}

// stopped is true or absent.
func stopped(job *batch.Job, kind batch.StopKind) *bool {
	if job.Stop == nil || job.Stop.Kind != kind {
		return nil
	}
	return new(true)
}

// jobSummary is the record as ListJobs shows it.
func jobSummary(scope batch.Scope, job *batch.Job, now time.Time) awsapi.JobSummary {
	s := awsapi.JobSummary{
		JobArn:          new(scope.ARN(batch.ARNJob, job.ID)),
		JobId:           &job.ID,
		JobName:         &job.Name,
		CreatedAt:       millis(job.CreatedAt),
		Status:          new(string(job.Status)),
		StatusReason:    given(job.StatusReason),
		StartedAt:       millis(job.StartedAt),
		StoppedAt:       millis(job.StoppedAt),
		JobDefinition:   new(scope.ARN(batch.ARNJobDefinition, job.Definition.String())),
		ShareIdentifier: given(job.ShareIdentifier),
		ArrayProperties: arraySummary(job, now),
		CapacityUsage:   capacityUsage(job),
		IsCancelled:     stopped(job, batch.StopCancelled),
		IsTerminated:    stopped(job, batch.StopTerminated),
	}
	if job.IsMultiNode() {
		s.NodeProperties = &awsapi.NodePropertiesSummary{NumNodes: &job.NumNodes}
	}
	if ended, ok := lastEnded(job); ok {
		s.Container = containerSummary(ended.Containers)
	}
	return s
}

// containerSummary is there for what ran one container.
func containerSummary(outcomes []batch.ContainerOutcome) *awsapi.ContainerSummary {
	if len(outcomes) != 1 {
		return nil
	}
	return &awsapi.ContainerSummary{ExitCode: outcomes[0].ExitCode, Reason: given(ecsReason(outcomes[0].Reason))}
}

// capacityUsage is what the job is configured to take. An array takes nothing; its children do.
func capacityUsage(job *batch.Job) []awsapi.JobCapacityUsageSummary {
	if job.IsArray() {
		return nil
	}
	return []awsapi.JobCapacityUsageSummary{{
		CapacityUnit: new(capacityUnit), Quantity: new(float64(job.Requests.MilliVCPU) / 1000),
	}}
}

// capacityUnit is AWS Batch's name for vCPUs in queues of type EKS.
const capacityUnit = "cpu"

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
