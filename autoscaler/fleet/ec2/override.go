// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// maxOverrides is how many pools a fleet may have. EC2: 300.
const maxOverrides = 300

// configs are the pools that a launch may be served from, one override each, under the launch template of their type. Those
// that are backed off are left out.
func (f *Fleet) configs(ctx context.Context, r *fleet.LaunchRequest) ([]ec2types.FleetLaunchTemplateConfigRequest, error) {
	zones, err := f.subnets.perZone(ctx, r.Environment.Resources.Subnets)
	if err != nil {
		return nil, err
	}
	choices, err := f.affordable(r)
	if err != nil {
		return nil, err
	}
	var out []ec2types.FleetLaunchTemplateConfigRequest
	at := map[string]int{} // by the template's name
	pools := 0
	for i := range choices {
		t := &choices[i]
		open := f.shortages.open(zones, t.Name, r.CapacityType)
		if len(open) == 0 || pools+len(open) > maxOverrides {
			continue
		}
		pools += len(open)
		template, err := f.template(ctx, ofType(r, t))
		if err != nil {
			return nil, err
		}
		n, ok := at[template]
		if !ok {
			n, at[template] = len(out), len(out)
			out = append(out, configOf(template))
		}
		out[n].Overrides = append(out[n].Overrides, overrides(open, t.Name, maxPrice(r, t))...)
	}
	if len(out) == 0 {
		return nil, f.shortages.reason(zones, choices, r.CapacityType)
	}
	return out, nil
}

// ofType is the request for one of its types, whose nodes are told apart by nothing that the request does not tell.
func ofType(r *fleet.LaunchRequest, t *instancetype.Type) *fleet.LaunchRequest {
	one := *r
	one.Type, one.Types = *t, nil
	return &one
}

func configOf(template string) ec2types.FleetLaunchTemplateConfigRequest {
	return ec2types.FleetLaunchTemplateConfigRequest{LaunchTemplateSpecification: &ec2types.FleetLaunchTemplateSpecificationRequest{
		LaunchTemplateName: aws.String(template), Version: aws.String("1"),
	}}
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

// prioritize says that types, and of each type zones, are wanted in the environment's order.
func prioritize(in *awsec2.CreateFleetInput, r *fleet.LaunchRequest) {
	rank := map[ec2types.InstanceType]int{}
	for i, t := range r.Choices() {
		rank[ec2types.InstanceType(t.Name)] = i * maxOverrides
	}
	for _, c := range in.LaunchTemplateConfigs {
		for i := range c.Overrides {
			o := &c.Overrides[i]
			o.Priority = aws.Float64(float64(rank[o.InstanceType]))
			rank[o.InstanceType]++
		}
	}
}

// bid is the share of the On-Demand price that Spot instances may cost, in percent; 0 if it is no less than the price, which
// is EC2's own limit.
func bid(r *fleet.LaunchRequest) int {
	percent := r.Environment.Resources.BidPercentage
	if r.CapacityType != batchmeta.CapacitySpot || percent >= 100 {
		return 0
	}
	return max(percent, 0)
}

// affordable are the choices whose price is known, if that matters.
func (f *Fleet) affordable(r *fleet.LaunchRequest) ([]instancetype.Type, error) {
	all, percent := f.prices.apply(r.Choices()), bid(r)
	if percent == 0 {
		return all, nil
	}
	var out []instancetype.Type
	for _, t := range all {
		if t.PricePerHour > 0 {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil, invalid("bidPercentage is %d, but the On-Demand price of %s is not known", percent, instancetype.Names(all))
	}
	return out, nil
}

// maxPrice is what a Spot instance of the type may cost at most; empty for the On-Demand price.
func maxPrice(r *fleet.LaunchRequest, t *instancetype.Type) string {
	percent := bid(r)
	if percent == 0 {
		return ""
	}
	return strconv.FormatFloat(t.PricePerHour*float64(percent)/100, 'f', 5, 64)
}
