// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// environmentOf makes an Environment of a reply, or nil of one whose nodes are not ours to buy: an unmanaged one, or one of
// a kind without instances.
func environmentOf(d *types.ComputeEnvironmentDetail) *Environment {
	r := d.ComputeResources
	if d.Type == types.CETypeUnmanaged || r == nil || aws.ToString(d.Uuid) == "" {
		return nil
	}
	capacity, ok := capacityTypes[r.Type]
	if !ok {
		return nil
	}
	e := &Environment{
		Name:          aws.ToString(d.ComputeEnvironmentName),
		UUID:          aws.ToString(d.Uuid),
		State:         batch.State(d.State),
		Status:        batch.ResourceStatus(d.Status),
		MinvCPUs:      int(aws.ToInt32(r.MinvCpus)),
		MaxvCPUs:      int(aws.ToInt32(r.MaxvCpus)),
		Strategy:      string(r.AllocationStrategy),
		CapacityType:  capacity,
		InstanceTypes: r.InstanceTypes,
	}
	if r.AllocationStrategy == "" {
		e.Strategy = BestFit // AWS Batch's default
	}
	if r.Type == types.CRTypeFargate || r.Type == types.CRTypeFargateSpot {
		e.beSoleTenant()
	}
	e.Resources = resourcesOf(r, e.Strategy)
	e.Generation, _ = strconv.Atoi(d.Tags[batchmeta.GenerationTag])
	e.Resources.ImageGeneration, _ = strconv.Atoi(d.Tags[batchmeta.ImageGenerationTag])
	e.UpdateGrace = updateGrace(d.UpdatePolicy)
	if p := r.ScalingPolicy; p != nil {
		e.ScaleDownDelay = time.Duration(aws.ToInt32(p.MinScaleDownDelayMinutes)) * time.Minute
	}
	return e
}

// updateGrace is how long jobs may go on when their node is to be replaced. AWS Batch: 30 minutes by default, and not at all
// with terminateJobsOnUpdate.
func updateGrace(p *types.UpdatePolicy) time.Duration {
	switch {
	case p == nil || !aws.ToBool(p.TerminateJobsOnUpdate) && aws.ToInt64(p.JobExecutionTimeoutMinutes) == 0:
		return 30 * time.Minute
	case aws.ToBool(p.TerminateJobsOnUpdate):
		return 0
	default:
		return time.Duration(aws.ToInt64(p.JobExecutionTimeoutMinutes)) * time.Minute
	}
}

var capacityTypes = map[types.CRType]string{
	types.CRTypeEc2:         batchmeta.CapacityOnDemand,
	types.CRTypeSpot:        batchmeta.CapacitySpot,
	types.CRTypeFargate:     batchmeta.CapacityOnDemand,
	types.CRTypeFargateSpot: batchmeta.CapacitySpot,
}

// beSoleTenant makes of an environment of one of Fargate's types what stands for Fargate. It names neither instance types nor
// an allocation strategy: any of the general types will do, whichever there is.
func (e *Environment) beSoleTenant() {
	e.SoleTenant, e.InstanceTypes, e.Strategy = true, []string{"fargate"}, Progressive
	if e.CapacityType == batchmeta.CapacitySpot {
		e.Strategy = SpotPriceCapacityOptimized
	}
}
