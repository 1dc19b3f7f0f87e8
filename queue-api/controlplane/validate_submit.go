// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// checkSubmission checks what can be checked before queue and definition are known; the overrides are podspec's to check.
func checkSubmission(in *awsapi.SubmitJobRequest) error {
	if !validName(value(in.JobName)) {
		return batch.Invalidf("Job name should match valid pattern")
	}
	if err := checkUnsupported(in); err != nil {
		return err
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
	return checkTags(in.Tags)
}

// checkUnsupported refuses what this server does not run yet. Empty members ask for nothing; clients send them.
func checkUnsupported(in *awsapi.SubmitJobRequest) error {
	switch {
	case value(in.ShareIdentifier) != "":
		return batch.Invalidf("shareIdentifier cannot be specified for a job queue without a scheduling policy")
	case !isEmpty(in.ArrayProperties):
		return refused("arrayProperties")
	case len(in.DependsOn) > 0:
		return refused("dependsOn")
	case !isEmpty(in.NodeOverrides):
		return refused("nodeOverrides")
	case in.EcsPropertiesOverride != nil && len(in.EcsPropertiesOverride.TaskProperties) > 0:
		return refused("ecsPropertiesOverride")
	case in.ConsumableResourcePropertiesOverride != nil && len(in.ConsumableResourcePropertiesOverride.ConsumableResourceList) > 0:
		return refused("consumableResourcePropertiesOverride")
	}
	return nil
}

// checkSubmissionSize adds up what varies in the request; the overrides are JSON already.
func (s *Service) checkSubmissionSize(in *awsapi.SubmitJobRequest, job *batch.Job) error {
	size := len(job.ContainerOverrides) + len(job.EKSOverrides)
	for _, text := range []*string{in.JobName, in.JobQueue, in.JobDefinition} {
		size += len(value(text))
	}
	for _, entries := range []map[string]string{in.Parameters, in.Tags} {
		for k, v := range entries {
			size += len(k) + len(v) + len(`"":"",`)
		}
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
