// SPDX-License-Identifier: Apache-2.0

package exec

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/instancetype"
)

type typesRequest struct {
	InstanceTypes []string `json:"instanceTypes"`
}

type typesReply struct {
	InstanceTypes []typeReply `json:"instanceTypes"`
}

type typeReply struct {
	Name         string            `json:"name"`
	VCPUs        int               `json:"vcpus"`
	MemoryMiB    int64             `json:"memoryMiB"`
	GPUs         int               `json:"gpus"`
	Architecture string            `json:"architecture"`
	MaxPods      int               `json:"maxPods"`
	PricePerHour float64           `json:"pricePerHour"`
	Allocatable  *allocatableReply `json:"allocatable"`
}

type allocatableReply struct {
	CPUMillis int64 `json:"cpuMillis"`
	MemoryMiB int64 `json:"memoryMiB"`
}

func (r *typeReply) instanceType() instancetype.Type {
	t := instancetype.Type{
		Name: r.Name, VCPUs: r.VCPUs, MemoryMiB: r.MemoryMiB, GPUs: r.GPUs,
		Architecture: r.Architecture, MaxPods: r.MaxPods, PricePerHour: r.PricePerHour,
	}
	if a := r.Allocatable; a != nil {
		t.Allocatable = &instancetype.Allocatable{CPUMillis: a.CPUMillis, MemoryMiB: a.MemoryMiB}
	}
	return t
}

type launchRequest struct {
	Token                  string            `json:"token"`
	NodeGroup              string            `json:"nodeGroup"`
	ComputeEnvironment     string            `json:"computeEnvironment"`
	ComputeEnvironmentUUID string            `json:"computeEnvironmentUuid"`
	InstanceType           string            `json:"instanceType"`
	CapacityType           string            `json:"capacityType"`
	Labels                 map[string]string `json:"labels"`
	Taints                 []taint           `json:"taints"`
}

type taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"`
}

type launchReply struct {
	InstanceID string `json:"instanceId"`
	ProviderID string `json:"providerId"`
	// InstanceType need only be told if it is not the one that was asked for, as an instance of the token was there already.
	InstanceType string `json:"instanceType"`
}

type listReply struct {
	Instances []instanceReply `json:"instances"`
}

type instanceReply struct {
	InstanceID             string `json:"instanceId"`
	ProviderID             string `json:"providerId"`
	NodeGroup              string `json:"nodeGroup"`
	ComputeEnvironmentUUID string `json:"computeEnvironmentUuid"`
	InstanceType           string `json:"instanceType"`
	Token                  string `json:"token"`
	State                  string `json:"state"`
}

func (r *instanceReply) instance() fleet.Instance {
	state := fleet.Pending
	if r.State == string(fleet.Running) {
		state = fleet.Running
	}
	return fleet.Instance{
		ID: r.InstanceID, ProviderID: r.ProviderID, NodeGroup: r.NodeGroup, EnvironmentUUID: r.ComputeEnvironmentUUID,
		InstanceType: r.InstanceType, Token: r.Token, State: state,
	}
}

type terminateRequest struct {
	InstanceIDs []string `json:"instanceIds"`
}

func newLaunchRequest(r fleet.LaunchRequest, token string) launchRequest {
	return launchRequest{
		Token: token, NodeGroup: r.NodeGroup,
		ComputeEnvironment: r.Environment.Name, ComputeEnvironmentUUID: r.Environment.UUID,
		InstanceType: r.Type.Name, CapacityType: r.CapacityType,
		Labels: r.Labels, Taints: taints(r.Taints),
	}
}

func taints(in []corev1.Taint) []taint {
	out := make([]taint, len(in))
	for i := range in {
		out[i] = taint{Key: in[i].Key, Value: in[i].Value, Effect: string(in[i].Effect)}
	}
	return out
}
