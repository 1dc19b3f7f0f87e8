// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// updateEnvironment applies what was given. It may run more than once on fresh records, and replaces what it changes.
func updateEnvironment(e *batch.ComputeEnvironment, in *awsapi.UpdateComputeEnvironmentRequest) error {
	if err := checkEnvironmentUpdate(e, in); err != nil {
		return err
	}
	if in.ComputeResources != nil {
		if err := updateResources(e, in.ComputeResources); err != nil {
			return err
		}
	}
	if in.UnmanagedvCpus != nil {
		e.UnmanagedvCPUs, e.MaxvCPUs = in.UnmanagedvCpus, *in.UnmanagedvCpus
	}
	if in.UpdatePolicy != nil {
		if err := updatePolicy(e, in.UpdatePolicy); err != nil {
			return err
		}
	}
	e.State = state(in.State, e.State)
	e.ServiceRole = cmp.Or(value(in.ServiceRole), e.ServiceRole)
	e.Context = cmp.Or(value(in.Context), e.Context)
	e.Status = batch.ResourceUpdating
	outdate(e)
	return nil
}

// outdate lets what the autoscaler found wrong with the environment not count any more. AWS Batch: an INVALID environment
// becomes VALID after an update, if that mends it.
func outdate(e *batch.ComputeEnvironment) {
	e.Outdated = time.Time{}
	if e.Report != nil && e.Report.Status == batch.ResourceInvalid {
		e.Outdated = e.Report.JudgedAt
	}
}

func checkEnvironmentUpdate(e *batch.ComputeEnvironment, in *awsapi.UpdateComputeEnvironmentRequest) error {
	managed := e.Type == batch.Managed
	switch {
	case !isEmpty(in.EcsSettings):
		return refused("ecsSettings")
	case managed && in.UnmanagedvCpus != nil:
		return errUnmanagedvCpus
	case !managed && in.ComputeResources != nil:
		return batch.Invalidf("computeResources is not applicable to an UNMANAGED compute environment")
	case in.ComputeResources != nil && isEmpty(in.ComputeResources):
		return batch.Invalidf("At least one compute-resources attribute must be specified")
	case e.EKS != nil && !isServiceLinked(value(in.ServiceRole)):
		return errServiceRole
	}
	return checkCount("unmanagedvCpus", in.UnmanagedvCpus)
}

// updateResources merges u into the environment's compute resources.
func updateResources(e *batch.ComputeEnvironment, u *awsapi.ComputeResourceUpdate) error {
	if u.ManagedInstancesProvider != nil {
		return refused("computeResources.managedInstancesProvider")
	}
	var r awsapi.ComputeResource
	if err := json.Unmarshal(e.ComputeResources, &r); err != nil {
		return fmt.Errorf("decode compute resources of %s: %w", e.Name, err)
	}
	before := r
	if err := checkInfrastructureUpdate(e, &before, u); err != nil {
		return err
	}
	mergeResources(&r, u)
	if err := updateDesired(&r, &before, u, e.EKS != nil); err != nil {
		return err
	}
	if err := checkResources(&r, e.EKS != nil); err != nil {
		return err
	}
	startGeneration(e, &before, &r, value(u.UpdateToLatestImageVersion))
	return storeResources(e, &r)
}

// mergeResources replaces each member given. AWS Batch: an empty string or list clears the members that may be cleared.
func mergeResources(r *awsapi.ComputeResource, u *awsapi.ComputeResourceUpdate) {
	replace(&r.Type, u.Type)
	replace(&r.AllocationStrategy, u.AllocationStrategy)
	replace(&r.MinvCpus, u.MinvCpus)
	replace(&r.MaxvCpus, u.MaxvCpus)
	replace(&r.BidPercentage, u.BidPercentage)
	replace(&r.ScalingPolicy, u.ScalingPolicy)
	replaceText(&r.ImageId, u.ImageId)
	replaceText(&r.Ec2KeyPair, u.Ec2KeyPair)
	replaceText(&r.InstanceRole, u.InstanceRole)
	replaceText(&r.PlacementGroup, u.PlacementGroup)
	replaceList(&r.InstanceTypes, u.InstanceTypes)
	replaceList(&r.Subnets, u.Subnets)
	replaceList(&r.SecurityGroupIds, u.SecurityGroupIds)
	replaceList(&r.Ec2Configuration, u.Ec2Configuration)
	if u.Tags != nil {
		r.Tags = u.Tags
	}
	if u.CapacityTags != nil {
		r.CapacityTags = u.CapacityTags
	}
	if u.LaunchTemplate != nil {
		r.LaunchTemplate = u.LaunchTemplate
		if value(u.LaunchTemplate.LaunchTemplateId) == "" && value(u.LaunchTemplate.LaunchTemplateName) == "" {
			r.LaunchTemplate = nil
		}
	}
}

func replace[T any](old **T, given *T) {
	if given != nil {
		*old = given
	}
}

// replaceText clears on an empty string.
func replaceText(old **string, text *string) {
	if text != nil {
		*old = given(*text)
	}
}

func replaceList[T any](old *[]T, given []T) {
	if given != nil {
		*old = given
	}
}

// updateDesired moves desiredvCpus as asked, else no further than new bounds demand. AWS Batch: it cannot be lowered by
// hand, and not be set at all on Amazon EKS.
func updateDesired(r, before *awsapi.ComputeResource, u *awsapi.ComputeResourceUpdate, eks bool) error {
	current := desired(before)
	switch {
	case u.DesiredvCpus == nil:
		if before.DesiredvCpus != nil {
			r.DesiredvCpus = new(min(max(current, value(r.MinvCpus)), value(r.MaxvCpus)))
		}
		return nil
	case eks:
		return batch.Invalidf("desiredvCpus is not supported for compute environments that use Amazon EKS resources")
	case *u.DesiredvCpus < current:
		return batch.Invalidf("Manually scaling down compute environment is not supported. " +
			"Disconnecting job queues from compute environment will cause it to scale-down to minvCpus")
	}
	r.DesiredvCpus = u.DesiredvCpus
	return nil
}

func updatePolicy(e *batch.ComputeEnvironment, u *awsapi.UpdatePolicy) error {
	var p awsapi.UpdatePolicy
	if isKept(e.UpdatePolicy) {
		if err := json.Unmarshal(e.UpdatePolicy, &p); err != nil {
			return fmt.Errorf("decode update policy of %s: %w", e.Name, err)
		}
	}
	replace(&p.TerminateJobsOnUpdate, u.TerminateJobsOnUpdate)
	replace(&p.JobExecutionTimeoutMinutes, u.JobExecutionTimeoutMinutes)
	raw, err := json.Marshal(p)
	e.UpdatePolicy = raw
	return err
}
