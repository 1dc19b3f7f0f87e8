// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
)

// AWS Batch: an array has 2 to 10,000 children, a share identifier at most 255 characters.
const (
	minArraySize       = 2
	maxShareIdentifier = 255
)

// checkSubmission checks what can be checked before queue and definition are known; the overrides are podspec's to check.
// Empty members ask for nothing; clients send them.
func (s *Service) checkSubmission(in *awsapi.SubmitJobRequest) error {
	if !validName(value(in.JobName)) {
		return batch.Invalidf("Job name should match valid pattern")
	}
	if a := in.ArrayProperties; a != nil {
		if err := checkRange("arrayProperties.size", a.Size, minArraySize, s.cfg.MaxArraySize); err != nil {
			return err
		}
	}
	if n := len(in.DependsOn); n > s.cfg.MaxDependencies {
		return batch.Invalidf("dependsOn must have at most %d jobs", s.cfg.MaxDependencies)
	}
	if !isShare(value(in.ShareIdentifier)) {
		return batch.Invalidf("shareIdentifier must be at most %d letters and digits", maxShareIdentifier)
	}
	if err := checkPriority("schedulingPriorityOverride", in.SchedulingPriorityOverride); err != nil {
		return err
	}
	if err := checkRetry(in.RetryStrategy); err != nil {
		return err
	}
	if err := checkTimeout(in.Timeout); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	return podspec.ValidateTags(in.Tags)
}

// isShare holds for the empty string, which is no share.
func isShare(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) {
			return false
		}
	}
	return len(s) <= maxShareIdentifier
}

// checkShare is AWS Batch's rule that a job has a share if and only if its queue has a scheduling policy.
func checkShare(share string, queue *batch.JobQueue) error {
	switch {
	case share != "" && queue.SchedulingPolicy == "":
		return batch.Invalidf("shareIdentifier cannot be specified for a job queue without a scheduling policy")
	case share == "" && queue.SchedulingPolicy != "":
		return batch.Invalidf("shareIdentifier is required for a job queue with a scheduling policy")
	}
	return nil
}

// checkSubmissionSize adds up what varies in the request; the overrides are JSON already.
func (s *Service) checkSubmissionSize(in *awsapi.SubmitJobRequest, job *batch.Job) error {
	size := len(job.ContainerOverrides) + len(job.EKSOverrides) + len(job.ECSOverrides) + len(job.NodeOverrides)
	for _, text := range []*string{in.JobName, in.JobQueue, in.JobDefinition, in.ShareIdentifier} {
		size += len(value(text))
	}
	for _, entries := range []map[string]string{in.Parameters, in.Tags} {
		for k, v := range entries {
			size += len(k) + len(v) + len(`"":"",`)
		}
	}
	for _, d := range in.DependsOn {
		size += len(value(d.JobId)) + len(value(d.Type)) + len(`{"jobId":"","type":""},`)
	}
	for _, r := range consumableList(in.ConsumableResourcePropertiesOverride) {
		size += len(value(r.ConsumableResource)) + len(`{"consumableResource":"","quantity":1},`)
	}
	if in.RetryStrategy != nil {
		for _, e := range in.RetryStrategy.EvaluateOnExit {
			size += len(value(e.OnExitCode)) + len(value(e.OnReason)) + len(value(e.OnStatusReason)) + len(value(e.Action))
		}
	}
	if size > s.cfg.MaxSubmissionBytes {
		return batch.Invalidf("SubmitJob request must be at most %d bytes", s.cfg.MaxSubmissionBytes)
	}
	return nil
}

// dependenciesOf reads dependsOn, each dependency once. AWS Batch: only arrays have types of dependencies, and SEQUENTIAL
// names no job.
func dependenciesOf(in *awsapi.SubmitJobRequest, arraySize int) ([]batch.Dependency, error) {
	var out []batch.Dependency
	seen := map[batch.Dependency]bool{}
	for i := range in.DependsOn {
		d, err := dependencyOf(fmt.Sprintf("dependsOn[%d]", i), &in.DependsOn[i], arraySize)
		if err != nil {
			return nil, err
		}
		if !seen[d] {
			seen[d] = true
			out = append(out, d)
		}
	}
	return out, nil
}

func dependencyOf(path string, in *awsapi.JobDependency, arraySize int) (batch.Dependency, error) {
	d := batch.Dependency{Type: batch.DependencyType(value(in.Type))}
	id := value(in.JobId)
	switch {
	case d.Type != "" && arraySize == 0:
		return d, batch.Invalidf("%s.type %s is for array jobs only", path, d.Type)
	case d.Type == batch.DependencySequential && id != "":
		return d, batch.Invalidf("%s.jobId must not be specified with type SEQUENTIAL", path)
	case d.Type == batch.DependencySequential:
		return d, nil
	case id == "":
		return d, batch.Invalidf("%s.jobId is required", path)
	}
	ref, ok := jobRef(id)
	if !ok || ref.Node >= 0 {
		return d, noDependency(path, id)
	}
	d.JobID = recordID(ref)
	return d, nil
}

func noDependency(path, id string) error {
	return batch.Invalidf("%s.jobId: Job %s does not exist", path, clip(id))
}
