// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/instancetype"
	"github.com/muster-batch/muster/autoscaler/nodetemplate"
	"github.com/muster-batch/muster/hack/localcluster/node"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// local is this machine: each instance is a containerd and a kubelet, made by the command of hack/localcluster.
type local struct {
	command string
	shape   node.Shape
}

var _ host = (*local)(nil)

// launchRequest is what the command takes; see hack/localcluster/fleet.
type launchRequest struct {
	Token                  string            `json:"token"`
	InstanceID             string            `json:"instanceId"`
	ProviderID             string            `json:"providerId"`
	NodeGroup              string            `json:"nodeGroup"`
	ComputeEnvironment     string            `json:"computeEnvironment"`
	ComputeEnvironmentUUID string            `json:"computeEnvironmentUuid"`
	InstanceType           string            `json:"instanceType"`
	CapacityType           string            `json:"capacityType"`
	Labels                 map[string]string `json:"labels"`
	Taints                 []corev1.Taint    `json:"taints"`
	Reserved               map[string]string `json:"reserved"`
	MaxPods                int               `json:"maxPods"`
}

func (l *local) start(ctx context.Context, i *ec2fake.Instance, k *ec2fake.Kubelet) error {
	t, _ := instancetype.New(ec2fake.CommonTypes()).Lookup(i.Type)
	labels := i.CloudLabels()
	maps.Copy(labels, k.Labels)
	return l.run(ctx, "launch", launchRequest{
		Token: i.ID, InstanceID: i.ID, ProviderID: i.ProviderID(), NodeGroup: i.Tags[batchmeta.NodeGroup],
		ComputeEnvironment: i.Tags["Name"], ComputeEnvironmentUUID: i.Tags[batchmeta.ComputeEnvironmentUUID],
		InstanceType: i.Type, CapacityType: i.Capacity, Labels: labels, Taints: k.Taints,
		Reserved: l.reserved(&t), MaxPods: t.MaxPods,
	}, nil)
}

// reserved is what of this machine a type does not offer to pods: what it does not have, and what EKS keeps for the system.
func (l *local) reserved(t *instancetype.Type) map[string]string {
	offered := nodetemplate.Node("", &nodetemplate.Spec{Type: *t}).Status.Allocatable
	return map[string]string{
		"cpu":    strconv.FormatInt(int64(l.shape.CPUs)*1000-offered.Cpu().MilliValue(), 10) + "m",
		"memory": strconv.FormatInt(l.shape.MemoryMiB-offered.Memory().Value()>>20, 10) + "Mi",
	}
}

func (l *local) end(ctx context.Context, i *ec2fake.Instance) error {
	return l.terminate(ctx, []string{i.ID})
}

func (l *local) clear(ctx context.Context) error {
	var left struct {
		Instances []struct {
			InstanceID string `json:"instanceId"`
		} `json:"instances"`
	}
	if err := l.run(ctx, "list", nil, &left); err != nil {
		return err
	}
	ids := []string{}
	for _, i := range left.Instances {
		ids = append(ids, i.InstanceID)
	}
	return l.terminate(ctx, ids)
}

func (l *local) terminate(ctx context.Context, ids []string) error {
	return l.run(ctx, "terminate", map[string]any{"instanceIds": ids}, nil)
}

// run carries out a verb of the command.
func (l *local) run(ctx context.Context, verb string, in, out any) error {
	request, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	cmd := exec.CommandContext(ctx, l.command, verb)
	cmd.Stdin = bytes.NewReader(request)
	var messages bytes.Buffer
	cmd.Stderr = &messages
	reply, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", verb, err, bytes.TrimSpace(messages.Bytes()))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(reply, out)
}
