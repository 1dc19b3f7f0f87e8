// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const (
	maxClientToken = 64
	// maxWhole is the largest launch that EC2 promises to start as a whole.
	maxWhole = 1000
)

// request makes a CreateFleet call of a launch. If all of its pools are backed off, the error is a *backedOffError.
func (f *Fleet) request(ctx context.Context, r *fleet.LaunchRequest) (*awsec2.CreateFleetInput, error) {
	configs, err := f.configs(ctx, r)
	if err != nil {
		return nil, err
	}
	in := &awsec2.CreateFleetInput{
		ClientToken:           aws.String(clientToken(r.Token, "")),
		Type:                  ec2types.FleetTypeInstant,
		LaunchTemplateConfigs: configs,
		TargetCapacitySpecification: &ec2types.TargetCapacitySpecificationRequest{
			TotalTargetCapacity:       aws.Int32(int32(r.Count)),
			DefaultTargetCapacityType: ec2types.DefaultTargetCapacityTypeOnDemand,
		},
		TagSpecifications: tagged(f.tags(r), ec2types.ResourceTypeFleet, ec2types.ResourceTypeInstance, ec2types.ResourceTypeVolume),
	}
	setStrategy(in, r)
	return in, nil
}

// setStrategy asks for On-Demand or Spot, and for all or nothing if need be. Instances of a placement group are in one zone.
func setStrategy(in *awsec2.CreateFleetInput, r *fleet.LaunchRequest) {
	var least *int32
	var oneType, oneZone *bool
	if r.Whole && r.Count <= maxWhole {
		least, oneType = aws.Int32(int32(r.Count)), aws.Bool(true)
		if r.OneZone || r.Environment.Resources.PlacementGroup != "" {
			oneZone = aws.Bool(true)
		}
	}
	strategy := r.Environment.Resources.Strategy
	if r.CapacityType == batchmeta.CapacitySpot {
		in.TargetCapacitySpecification.DefaultTargetCapacityType = ec2types.DefaultTargetCapacityTypeSpot
		in.SpotOptions = &ec2types.SpotOptionsRequest{
			AllocationStrategy: spotStrategy(strategy), InstanceInterruptionBehavior: ec2types.SpotInstanceInterruptionBehaviorTerminate,
			MinTargetCapacity: least, SingleInstanceType: oneType, SingleAvailabilityZone: oneZone,
		}
		if in.SpotOptions.AllocationStrategy == ec2types.SpotAllocationStrategyCapacityOptimizedPrioritized {
			prioritize(in, r)
		}
		return
	}
	in.OnDemandOptions = &ec2types.OnDemandOptionsRequest{
		AllocationStrategy: ec2types.FleetOnDemandAllocationStrategyLowestPrice,
		MinTargetCapacity:  least, SingleInstanceType: oneType, SingleAvailabilityZone: oneZone,
	}
	if strategy == "BEST_FIT_PROGRESSIVE_ORDERED" {
		prioritize(in, r)
		in.OnDemandOptions.AllocationStrategy = ec2types.FleetOnDemandAllocationStrategyPrioritized
	}
}

func spotStrategy(strategy string) ec2types.SpotAllocationStrategy {
	switch strategy {
	case "SPOT_CAPACITY_OPTIMIZED":
		return ec2types.SpotAllocationStrategyCapacityOptimized
	case "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED":
		return ec2types.SpotAllocationStrategyCapacityOptimizedPrioritized
	case "SPOT_PRICE_CAPACITY_OPTIMIZED":
		return ec2types.SpotAllocationStrategyPriceCapacityOptimized
	default:
		return ec2types.SpotAllocationStrategyLowestPrice
	}
}

// clientToken is the launch's token, or a digest of it if that is too long for EC2.
func clientToken(token, suffix string) string {
	if suffix != "" {
		token += "-" + suffix
	}
	if len(token) <= maxClientToken {
		return token
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
