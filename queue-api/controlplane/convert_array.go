// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// showArray adds what is special about an array or a child of one. AWS Batch: an array has the counts of its children and
// neither attempts nor a timeout of its own; a child has its index and an empty summary, and none of the array's tags.
func showArray(d *awsapi.JobDetail, job *batch.Job, now time.Time) {
	switch {
	case job.IsArray():
		d.Timeout = nil
		d.ArrayProperties = &awsapi.ArrayPropertiesDetail{
			Size: &job.ArraySize, StatusSummary: statusSummary(job), StatusSummaryLastUpdatedAt: summedUpAt(job, now),
		}
	case job.IsChild():
		d.Tags = map[string]string{}
		d.ArrayProperties = &awsapi.ArrayPropertiesDetail{Index: job.ArrayIndex, StatusSummary: map[string]int{}}
	}
}

// arraySummary is ListJobs' view. AWS Batch: a child has its index only.
func arraySummary(job *batch.Job, now time.Time) *awsapi.ArrayPropertiesSummary {
	switch {
	case job.IsArray():
		return &awsapi.ArrayPropertiesSummary{
			Size: &job.ArraySize, StatusSummary: statusSummary(job), StatusSummaryLastUpdatedAt: summedUpAt(job, now),
		}
	case job.IsChild():
		return &awsapi.ArrayPropertiesSummary{Index: job.ArrayIndex}
	}
	return nil
}

// statusSummary counts an array's children by status. AWS Batch: every status is there.
func statusSummary(job *batch.Job) map[string]int {
	out := make(map[string]int, len(batch.JobStatuses))
	for _, status := range batch.JobStatuses {
		out[string(status)] = job.Children[status]
	}
	return out
}

// summedUpAt is now: the counts are exact at any time. Those of an array that ended do not change any more.
func summedUpAt(job *batch.Job, now time.Time) *int64 {
	if job.Status.IsTerminal() {
		return millis(job.StoppedAt)
	}
	return millis(now)
}
