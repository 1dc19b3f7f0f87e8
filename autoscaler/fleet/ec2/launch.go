// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

const rollbackTimeout = time.Minute

// Launch implements fleet.Fleet.
func (f *Fleet) Launch(ctx context.Context, r fleet.LaunchRequest) ([]fleet.Instance, error) {
	instances, err := f.launch(ctx, &r)
	if !r.Whole || len(instances) == 0 || len(instances) >= r.Count {
		return instances, err
	}
	if err == nil {
		err = refusal(r.Type.Name, codeUnfulfillable, fmt.Sprintf("%d of %d instances", len(instances), r.Count))
	}
	return f.undo(ctx, instances, err)
}

// undo ends the instances of a launch that was to be whole. EC2 starts none when it can tell beforehand.
func (f *Fleet) undo(ctx context.Context, instances []fleet.Instance, err error) ([]fleet.Instance, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	ids := make([]string, len(instances))
	for i := range instances {
		ids[i] = instances[i].ID
	}
	if failed := f.Terminate(ctx, ids); failed != nil {
		return instances, errors.Join(err, fmt.Errorf("end the %d instances of an incomplete launch: %w", len(ids), failed))
	}
	return nil, err
}

func (f *Fleet) launch(ctx context.Context, r *fleet.LaunchRequest) ([]fleet.Instance, error) {
	in, err := f.request(ctx, r)
	if err != nil {
		return nil, err
	}
	out, err := f.api.CreateFleet(ctx, in)
	if isTemplateGone(out, err) { // somebody deleted it: made anew, and asked for once more
		f.templates.forget(r)
		if in, err = f.request(ctx, r); err != nil {
			return nil, err
		}
		in.ClientToken = aws.String(clientToken(r.Token, "again"))
		out, err = f.api.CreateFleet(ctx, in)
	}
	if codeOf(err) == codeTokenReused { // the launch is a repeated one, and the environment or a zone changed in between
		return f.launched(ctx, r)
	}
	if err != nil {
		return nil, explain("create fleet", r.Type.Name, err)
	}
	return f.outcome(r, out)
}

// isTemplateGone reports whether nothing was launched for want of the template.
func isTemplateGone(out *awsec2.CreateFleetOutput, err error) bool {
	if err != nil {
		return strings.HasPrefix(codeOf(err), codesTemplateGone)
	}
	return len(out.Instances) == 0 && len(out.Errors) > 0 && strings.HasPrefix(aws.ToString(out.Errors[0].ErrorCode), codesTemplateGone)
}

// launched are the instances that an earlier call with the launch's token started.
func (f *Fleet) launched(ctx context.Context, r *fleet.LaunchRequest) ([]fleet.Instance, error) {
	shown, err := f.describe(ctx, filter("tag:"+tagCluster, f.cfg.Cluster), filter("tag:"+batchmeta.LaunchToken, r.Token), alive)
	if err != nil {
		return nil, explain("describe instances", "", err)
	}
	var out []fleet.Instance
	for i := range shown {
		out = append(out, f.instanceOf(&shown[i]))
	}
	if len(out) < r.Count {
		return out, fmt.Errorf("repeat launch: EC2 shows %d of %d instances", len(out), r.Count)
	}
	return out, nil
}

// outcome notes what was launched and what not.
func (f *Fleet) outcome(r *fleet.LaunchRequest, out *awsec2.CreateFleetOutput) ([]fleet.Instance, error) {
	var instances []fleet.Instance
	for i := range out.Instances {
		set := &out.Instances[i]
		zone := ""
		if o := set.LaunchTemplateAndOverrides; o != nil && o.Overrides != nil {
			zone = aws.ToString(o.Overrides.AvailabilityZone)
		}
		for _, id := range set.InstanceIds {
			instance := fleet.Instance{
				ID: id, ProviderID: providerID(zone, id), NodeGroup: r.NodeGroup, EnvironmentUUID: r.Environment.UUID,
				InstanceType: r.Type.Name, Token: f.seats.token(r.Token, id), State: fleet.Pending,
			}
			f.recent.launch(r.Token, instance)
			instances = append(instances, instance)
		}
	}
	for i := range out.Errors {
		if e := &out.Errors[i]; classOf(aws.ToString(e.ErrorCode)) == fleet.NoCapacity {
			f.shortages.note(pool{r.Type.Name, zoneOf(e), r.CapacityType})
		}
	}
	if len(instances) >= r.Count {
		return instances, nil
	}
	return instances, shortfall(r.Type.Name, out.Errors)
}

// shortfall makes one error of what EC2 says of each pool. Want of machines goes before all else, as it passes.
func shortfall(instanceType string, refused []ec2types.CreateFleetError) error {
	if len(refused) == 0 {
		return fmt.Errorf("create fleet: %w", refusal(instanceType, codeUnfulfillable, "EC2 launched fewer instances than asked for"))
	}
	worst := &refused[0]
	var zones []string
	for i := range refused {
		e := &refused[i]
		if classOf(aws.ToString(e.ErrorCode)) == fleet.NoCapacity {
			worst = e
		}
		if zone := zoneOf(e); zone != "" {
			zones = append(zones, zone)
		}
	}
	message := aws.ToString(worst.ErrorMessage)
	if len(zones) > 0 {
		message += " (" + strings.Join(zones, ", ") + ")"
	}
	return fmt.Errorf("create fleet: %w", refusal(instanceType, aws.ToString(worst.ErrorCode), message))
}

func zoneOf(e *ec2types.CreateFleetError) string {
	if o := e.LaunchTemplateAndOverrides; o != nil && o.Overrides != nil {
		return aws.ToString(o.Overrides.AvailabilityZone)
	}
	return ""
}
