// SPDX-License-Identifier: Apache-2.0

package exec

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// Fleet runs the admin's command.
type Fleet struct {
	command *command
}

var _ fleet.Fleet = (*Fleet)(nil)

// New makes a fleet of the command at path. A run that takes longer than the context allows is killed.
func New(path string) (*Fleet, error) {
	c, err := newCommand(path)
	if err != nil {
		return nil, err
	}
	return &Fleet{command: c}, nil
}

// InstanceTypes implements fleet.Fleet.
func (f *Fleet) InstanceTypes(ctx context.Context, names []string) ([]instancetype.Type, error) {
	var reply typesReply
	if err := f.command.run(ctx, "instance-types", typesRequest{InstanceTypes: names}, &reply); err != nil {
		return nil, err
	}
	if len(reply.InstanceTypes) == 0 {
		return nil, &instancetype.UnknownError{Names: names}
	}
	out := make([]instancetype.Type, len(reply.InstanceTypes))
	for i := range reply.InstanceTypes {
		out[i] = reply.InstanceTypes[i].instanceType()
		if t := &out[i]; t.Name == "" || t.VCPUs <= 0 || t.MemoryMiB <= 0 {
			return nil, fmt.Errorf("run fleet command instance-types: type %q has %d vcpus and %d memoryMiB", t.Name, t.VCPUs, t.MemoryMiB)
		}
	}
	return out, nil
}

// Launch implements fleet.Fleet.
func (f *Fleet) Launch(ctx context.Context, r fleet.LaunchRequest) ([]fleet.Instance, error) {
	return fleet.LaunchEach(ctx, f, r)
}

// LaunchOne implements fleet.Single.
func (f *Fleet) LaunchOne(ctx context.Context, r fleet.LaunchRequest, token string) (fleet.Instance, error) {
	var reply launchReply
	err := crashpoint.Around("exec/launch", func() error {
		return f.command.run(ctx, "launch", newLaunchRequest(r, token), &reply)
	})
	switch {
	case errors.Is(err, errTempFail):
		return fleet.Instance{}, &fleet.CapacityError{InstanceType: r.Type.Name, Err: err}
	case err != nil:
		return fleet.Instance{}, err
	case reply.InstanceID == "" || reply.ProviderID == "":
		return fleet.Instance{}, errors.New("run fleet command launch: reply has no instanceId or no providerId")
	}
	return fleet.Instance{
		ID: reply.InstanceID, ProviderID: reply.ProviderID, NodeGroup: r.NodeGroup, EnvironmentUUID: r.Environment.UUID,
		InstanceType: cmp.Or(reply.InstanceType, r.Type.Name), Token: token, State: fleet.Pending,
	}, nil
}

// List implements fleet.Fleet.
func (f *Fleet) List(ctx context.Context) ([]fleet.Instance, error) {
	var reply listReply
	if err := f.command.run(ctx, "list", struct{}{}, &reply); err != nil {
		return nil, err
	}
	out := make([]fleet.Instance, len(reply.Instances))
	for i := range reply.Instances {
		out[i] = reply.Instances[i].instance()
		if out[i].ID == "" || out[i].ProviderID == "" {
			return nil, errors.New("run fleet command list: an instance has no instanceId or no providerId")
		}
	}
	return out, nil
}

// Terminate implements fleet.Fleet.
func (f *Fleet) Terminate(ctx context.Context, ids []string) error {
	return crashpoint.Around("exec/terminate", func() error {
		return f.command.run(ctx, "terminate", terminateRequest{InstanceIDs: ids}, nil)
	})
}
