// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

const rollbackTimeout = time.Minute

// Launch implements fleet.Fleet.
func (f *Fleet) Launch(ctx context.Context, r fleet.LaunchRequest) ([]fleet.Instance, error) {
	instances, err := f.launch(ctx, &r)
	if !r.Whole || len(instances) == 0 || len(instances) >= r.Count {
		return instances, err
	}
	if err == nil {
		err = refusal(namesOf(&r), codeUnfulfillable, fmt.Sprintf("%d of %d instances", len(instances), r.Count))
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
	if short := (*backedOffError)(nil); errors.As(err, &short) {
		return f.refuse(ctx, r, short)
	}
	if err != nil {
		return nil, err
	}
	out, err := f.createFleet(ctx, in)
	if isTemplateGone(out, err) { // somebody deleted it: made anew, and asked for once more
		f.templates.forget(r)
		if in, err = f.request(ctx, r); err != nil {
			return nil, err
		}
		in.ClientToken = aws.String(clientToken(r.Token, "again"))
		out, err = f.createFleet(ctx, in)
	}
	if codeOf(err) == codeTokenReused { // the launch is a repeated one, and the environment or a zone changed in between
		return f.launched(ctx, r)
	}
	if err != nil {
		failed := explain("create fleet", namesOf(r), err)
		if !isAnswered(err) {
			failed = &fleet.UncertainError{Err: failed}
		}
		return nil, failed
	}
	return f.outcome(r, out)
}

func (f *Fleet) createFleet(ctx context.Context, in *awsec2.CreateFleetInput) (out *awsec2.CreateFleetOutput, err error) {
	err = crashpoint.Around("ec2/create-fleet", func() error {
		out, err = f.api.CreateFleet(ctx, in)
		return err
	})
	return out, err
}

func namesOf(r *fleet.LaunchRequest) string { return instancetype.Names(r.Choices()) }

// refuse is the outcome of a launch that EC2 is not asked for. If it is a repeated one, there may be instances of it.
func (f *Fleet) refuse(ctx context.Context, r *fleet.LaunchRequest, short *backedOffError) ([]fleet.Instance, error) {
	instances, err := f.ofLaunch(ctx, r)
	if err != nil || len(instances) >= r.Count {
		return instances, err
	}
	return instances, fmt.Errorf("create fleet: %w", refusal(namesOf(r), short.why.Code, short.why.Message))
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
	out, err := f.ofLaunch(ctx, r)
	if err == nil && len(out) < r.Count {
		err = fmt.Errorf("repeat launch: EC2 shows %d of %d instances", len(out), r.Count)
	}
	return out, err
}

// ofLaunch are the instances of the launch that EC2 shows.
func (f *Fleet) ofLaunch(ctx context.Context, r *fleet.LaunchRequest) ([]fleet.Instance, error) {
	shown, err := f.describe(ctx, filter("tag:"+tagCluster, f.cfg.Cluster), filter("tag:"+batchmeta.LaunchToken, r.Token), alive)
	if err != nil {
		return nil, explain("describe instances", "", err)
	}
	var out []fleet.Instance
	for i := range shown {
		out = append(out, f.instanceOf(&shown[i]))
	}
	return out, nil
}

// outcome notes what was launched and what not.
func (f *Fleet) outcome(r *fleet.LaunchRequest, out *awsec2.CreateFleetOutput) ([]fleet.Instance, error) {
	var instances []fleet.Instance
	for i := range out.Instances {
		set := &out.Instances[i]
		p := poolOf(r, set.LaunchTemplateAndOverrides)
		if len(set.InstanceIds) > 0 {
			f.shortages.clear(p)
		}
		for _, id := range set.InstanceIds {
			instance := fleet.Instance{
				ID: id, ProviderID: providerID(p.zone, id), NodeGroup: r.NodeGroup, EnvironmentUUID: r.Environment.UUID,
				InstanceType: p.instanceType, Token: f.seats.token(r.Token, id), State: fleet.Pending,
				PricePerHour: f.prices.of(p),
			}
			f.recent.launch(r.Token, instance)
			instances = append(instances, instance)
		}
	}
	for i := range out.Errors {
		e := &out.Errors[i]
		if code := aws.ToString(e.ErrorCode); classOf(code) == fleet.NoCapacity {
			f.shortages.note(poolOf(r, e.LaunchTemplateAndOverrides), &fleet.RefusedError{
				Class: fleet.NoCapacity, Code: code, Message: aws.ToString(e.ErrorMessage),
			})
		}
	}
	if len(instances) >= r.Count {
		return instances, nil
	}
	return instances, shortfall(namesOf(r), out.Errors)
}

// poolOf is the pool that EC2 speaks of.
func poolOf(r *fleet.LaunchRequest, from *ec2types.LaunchTemplateAndOverridesResponse) pool {
	p := pool{instanceType: r.Type.Name, capacityType: r.CapacityType}
	if from != nil && from.Overrides != nil {
		p.zone = aws.ToString(from.Overrides.AvailabilityZone)
		p.instanceType = cmp.Or(string(from.Overrides.InstanceType), p.instanceType)
	}
	return p
}

// shortfall makes one error of what EC2 says of each pool. Want of machines goes before all else, as it passes.
func shortfall(instanceTypes string, refused []ec2types.CreateFleetError) error {
	if len(refused) == 0 {
		return fmt.Errorf("create fleet: %w", refusal(instanceTypes, codeUnfulfillable, "EC2 launched fewer instances than asked for"))
	}
	worst := &refused[0]
	var zones []string
	for i := range refused {
		e := &refused[i]
		if classOf(aws.ToString(e.ErrorCode)) == fleet.NoCapacity {
			worst = e
		}
		if zone := zoneOf(e); zone != "" && !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
	}
	message := aws.ToString(worst.ErrorMessage)
	if len(zones) > 0 {
		message += " (" + strings.Join(zones, ", ") + ")"
	}
	return fmt.Errorf("create fleet: %w", refusal(instanceTypes, aws.ToString(worst.ErrorCode), message))
}

func zoneOf(e *ec2types.CreateFleetError) string {
	if o := e.LaunchTemplateAndOverrides; o != nil && o.Overrides != nil {
		return aws.ToString(o.Overrides.AvailabilityZone)
	}
	return ""
}
