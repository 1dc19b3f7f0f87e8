// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

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

// request makes a CreateFleet call of a launch.
func (f *Fleet) request(ctx context.Context, r *fleet.LaunchRequest) (*awsec2.CreateFleetInput, error) {
	price, err := maxPrice(r)
	if err != nil {
		return nil, err
	}
	zones, err := f.subnets.perZone(ctx, r.Environment.Resources.Subnets)
	if err != nil {
		return nil, err
	}
	template, err := f.template(ctx, r)
	if err != nil {
		return nil, err
	}
	in := &awsec2.CreateFleetInput{
		ClientToken: aws.String(clientToken(r.Token, "")),
		Type:        ec2types.FleetTypeInstant,
		LaunchTemplateConfigs: []ec2types.FleetLaunchTemplateConfigRequest{{
			LaunchTemplateSpecification: &ec2types.FleetLaunchTemplateSpecificationRequest{
				LaunchTemplateName: aws.String(template), Version: aws.String("1"),
			},
			Overrides: overrides(f.shortages.keep(zones, r.Type.Name, r.CapacityType), r.Type.Name, price),
		}},
		TargetCapacitySpecification: &ec2types.TargetCapacitySpecificationRequest{
			TotalTargetCapacity:       aws.Int32(int32(r.Count)),
			DefaultTargetCapacityType: ec2types.DefaultTargetCapacityTypeOnDemand,
		},
		TagSpecifications: tagged(f.tags(r), ec2types.ResourceTypeFleet, ec2types.ResourceTypeInstance, ec2types.ResourceTypeVolume),
	}
	setStrategy(in, r)
	return in, nil
}

func overrides(zones []subnet, instanceType, price string) []ec2types.FleetLaunchTemplateOverridesRequest {
	out := make([]ec2types.FleetLaunchTemplateOverridesRequest, len(zones))
	for i, z := range zones {
		out[i] = ec2types.FleetLaunchTemplateOverridesRequest{
			InstanceType: ec2types.InstanceType(instanceType),
			SubnetId:     aws.String(z.id), AvailabilityZone: aws.String(z.zone), // the reply tells the zone only if we do
		}
		if price != "" {
			out[i].MaxPrice = aws.String(price)
		}
	}
	return out
}

// prioritize says that zones are wanted in the environment's order.
func prioritize(in *awsec2.CreateFleetInput) {
	overrides := in.LaunchTemplateConfigs[0].Overrides
	for i := range overrides {
		overrides[i].Priority = aws.Float64(float64(i))
	}
}

// setStrategy asks for On-Demand or Spot, and for all or nothing if need be. Instances of a placement group are in one zone.
func setStrategy(in *awsec2.CreateFleetInput, r *fleet.LaunchRequest) {
	var least *int32
	var oneType, oneZone *bool
	if r.Whole && r.Count <= maxWhole {
		least, oneType = aws.Int32(int32(r.Count)), aws.Bool(true)
		if r.Environment.Resources.PlacementGroup != "" {
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
			prioritize(in)
		}
		return
	}
	in.OnDemandOptions = &ec2types.OnDemandOptionsRequest{
		AllocationStrategy: ec2types.FleetOnDemandAllocationStrategyLowestPrice,
		MinTargetCapacity:  least, SingleInstanceType: oneType, SingleAvailabilityZone: oneZone,
	}
	if strategy == "BEST_FIT_PROGRESSIVE_ORDERED" {
		prioritize(in)
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

// maxPrice is what a Spot instance may cost at most; empty for the On-Demand price, which is EC2's own limit.
func maxPrice(r *fleet.LaunchRequest) (string, error) {
	percent := r.Environment.Resources.BidPercentage
	if r.CapacityType != batchmeta.CapacitySpot || percent <= 0 || percent >= 100 {
		return "", nil
	}
	if r.Type.PricePerHour <= 0 {
		return "", invalid("bidPercentage is %d, but the On-Demand price of %s is not known", percent, r.Type.Name)
	}
	return strconv.FormatFloat(r.Type.PricePerHour*float64(percent)/100, 'f', 5, 64), nil
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
