// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const maxEnvironments = 3

func checkNewQueue(in *awsapi.CreateJobQueueRequest) error {
	if err := checkName(in.JobQueueName); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	if err := checkPause(in.Tags); err != nil {
		return err
	}
	switch t := value(in.JobQueueType); t {
	case "", typeEKS, typeECS, typeFargate:
	default:
		return refused("jobQueueType " + t)
	}
	if len(in.ServiceEnvironmentOrder) > 0 {
		return refused("serviceEnvironmentOrder")
	}
	if err := checkCount("priority", in.Priority); err != nil {
		return err
	}
	if in.ComputeEnvironmentOrder == nil {
		return errEnvironmentOrder
	}
	return checkActions(in.JobStateTimeLimitActions)
}

// checkPause refuses a value of the tag that pauses a queue which somebody may have meant as true.
func checkPause(tags map[string]string) error {
	if v, ok := tags[batchmeta.QueuePaused]; ok && v != batchmeta.QueuePausedTrue && v != "false" {
		return batch.Invalidf("tags: %s of a job queue must be true or false", batchmeta.QueuePaused)
	}
	return nil
}

func checkQueueUpdate(in *awsapi.UpdateJobQueueRequest) error {
	if len(in.ServiceEnvironmentOrder) > 0 {
		return refused("serviceEnvironmentOrder")
	}
	if err := checkCount("priority", in.Priority); err != nil {
		return err
	}
	return checkActions(in.JobStateTimeLimitActions)
}

// blockedReasons are the codes that a time limit may name. AWS Batch: the others cannot be acted on.
var blockedReasons = [...]string{
	"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
	"MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
	"MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
	"MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
}

// checkActions is AWS Batch's rule for the time limits of a queue's head: 10 minutes to a day, then the job is cancelled.
func checkActions(actions []awsapi.JobStateTimeLimitAction) error {
	for i := range actions {
		path, a := fmt.Sprintf("jobStateTimeLimitActions[%d]", i), &actions[i]
		if err := checkOneOf(path+".reason", a.Reason, blockedReasons[:]); err != nil {
			return err
		}
		if value(a.Action) != "CANCEL" {
			return batch.Invalidf("%s.action must be CANCEL", path)
		}
		if err := checkRange(path+".maxTimeSeconds", a.MaxTimeSeconds, 600, 86400); err != nil {
			return err
		}
	}
	return nil
}
