// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// examineEnvironment goes the way of a launch, to the last step, of which it makes a dry run in each zone.
func (f *Fleet) examineEnvironment(ctx context.Context, r *fleet.LaunchRequest) []fleet.Finding {
	of := " of compute environment " + r.Environment.Name
	zones, err := f.subnets.perZone(ctx, r.Environment.Resources.Subnets)
	out := []fleet.Finding{finding("subnets"+of, err)}
	cluster, err := f.platform.Cluster(ctx, f.cfg.Cluster)
	if err != nil {
		return out // said already
	}
	one := r.Of(r.Choices()[0])
	data, err := f.examineTemplate(ctx, &one, &cluster)
	out = append(out, finding("image, launch template and instance profile"+of, err))
	if err != nil {
		return out
	}
	for _, zone := range zones {
		out = append(out, launchFinding("launch of "+one.Type.Name+" in "+zone.zone+of, f.tryLaunch(ctx, &one, data, zone)))
	}
	return out
}

// examineTemplate is what the environment's launch template would have in it.
func (f *Fleet) examineTemplate(ctx context.Context, r *fleet.LaunchRequest, c *Cluster) (*ec2types.RequestLaunchTemplateData, error) {
	base := baseOf(r)
	img, err := imageOf(r, base, c)
	if err != nil {
		return nil, err
	}
	data, err := f.templateData(ctx, r, base, &img, c)
	if err != nil {
		return nil, err
	}
	// A disk's name is asked of the image only where the template has none.
	if _, err := f.rootDevice(ctx, &img, aws.ToString(data.ImageId)); err != nil {
		return nil, err
	}
	return data, nil
}

// tryLaunch asks whether an instance would be launched in a zone: EC2 looks at everything but its stock.
func (f *Fleet) tryLaunch(ctx context.Context, r *fleet.LaunchRequest, data *ec2types.RequestLaunchTemplateData, z subnet) error {
	in, err := runInput(data)
	if err != nil {
		return err
	}
	in.DryRun, in.MinCount, in.MaxCount = aws.Bool(true), aws.Int32(1), aws.Int32(1)
	in.InstanceType = ec2types.InstanceType(r.Type.Name)
	in.TagSpecifications = tagged(f.tags(r), ec2types.ResourceTypeInstance, ec2types.ResourceTypeVolume)
	if len(in.NetworkInterfaces) > 0 {
		in.NetworkInterfaces[0].SubnetId = aws.String(z.id)
	} else {
		in.SubnetId = aws.String(z.id)
	}
	if r.CapacityType == batchmeta.CapacitySpot {
		in.InstanceMarketOptions = &ec2types.InstanceMarketOptionsRequest{MarketType: ec2types.MarketTypeSpot}
	}
	if _, err = f.api.RunInstances(ctx, in); codeOf(err) == codeDryRun {
		return nil
	}
	return explain("dry run of a launch", r.Type.Name, err)
}

// runInput is a launch of what a template would have in it: the fields have the same names.
func runInput(data *ec2types.RequestLaunchTemplateData) (*awsec2.RunInstancesInput, error) {
	doc, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("copy launch template: %w", err)
	}
	in := &awsec2.RunInstancesInput{}
	if err := json.Unmarshal(doc, in); err != nil {
		return nil, fmt.Errorf("copy launch template: %w", err)
	}
	return in, nil
}

// launchFinding is like finding, but what EC2 has in stock now is nobody's fault.
func launchFinding(subject string, err error) fleet.Finding {
	out := finding(subject, err)
	if fleet.IsOutOfCapacity(err) {
		out.Remedy = "Name further instance types or subnets; it may pass."
	}
	return out
}
