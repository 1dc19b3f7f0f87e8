// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/hack/localcluster/node"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

type launchRequest struct {
	Token                  string            `json:"token"`
	NodeGroup              string            `json:"nodeGroup"`
	ComputeEnvironment     string            `json:"computeEnvironment"`
	ComputeEnvironmentUUID string            `json:"computeEnvironmentUuid"`
	InstanceType           string            `json:"instanceType"`
	CapacityType           string            `json:"capacityType"`
	Labels                 map[string]string `json:"labels"`
	Taints                 []corev1.Taint    `json:"taints"`

	// What batch-autoscaler leaves to the fleet and the fake of EC2 (hack/ec2fake) decides: which instance it is, and what
	// of this machine its type does not have.
	InstanceID string            `json:"instanceId,omitempty"`
	ProviderID string            `json:"providerId,omitempty"`
	Reserved   map[string]string `json:"reserved,omitempty"`
	MaxPods    int               `json:"maxPods,omitempty"`
}

type launchReply struct {
	InstanceID string `json:"instanceId"`
	ProviderID string `json:"providerId"`
}

// Instance is an instance's record: what it was launched as.
type Instance struct {
	InstanceID             string     `json:"instanceId"`
	ProviderID             string     `json:"providerId"`
	NodeGroup              string     `json:"nodeGroup"`
	ComputeEnvironment     string     `json:"computeEnvironment"`
	ComputeEnvironmentUUID string     `json:"computeEnvironmentUuid"`
	InstanceType           string     `json:"instanceType"`
	CapacityType           string     `json:"capacityType"`
	Token                  string     `json:"token"`
	State                  node.State `json:"state,omitempty"`
	LaunchedAt             time.Time  `json:"launchedAt"`
	Node                   node.Node  `json:"node"`
}

// launch starts an instance and does not wait for it. A token that was launched before gives the same instance, started
// again if its start had been interrupted.
func (f Fleet) launch(request launchRequest) (launchReply, error) {
	if request.Token == "" {
		return launchReply{}, errors.New("launch without a token")
	}
	lock, err := f.Lock()
	if err != nil {
		return launchReply{}, err
	}
	defer lock.Close()
	if !f.IsOpen() {
		return launchReply{}, errors.New("launch: the cluster is down")
	}
	records, err := f.records()
	if err != nil {
		return launchReply{}, err
	}
	instance, err := f.recordFor(request, records)
	if err != nil {
		return launchReply{}, err
	}
	reply := launchReply{InstanceID: instance.InstanceID, ProviderID: instance.ProviderID}
	if f.Nodes.State(instance.InstanceID) != node.Dead {
		return reply, nil
	}
	if err := f.Nodes.Start(instance.InstanceID, f.BootArgs(instance.InstanceID), lock); err != nil {
		return launchReply{}, errors.Join(fmt.Errorf("launch instance: %w", err), f.Nodes.Destroy(instance.InstanceID))
	}
	return reply, nil
}

// recordFor finds the record of the request's token, or writes a new one if there is a free slot. The dead give up theirs.
func (f Fleet) recordFor(request launchRequest, records []Instance) (Instance, error) {
	id := cmp.Or(request.InstanceID, instanceID(request.Token))
	if err := checkID(id); err != nil {
		return Instance{}, fmt.Errorf("launch: %w", err)
	}
	taken := make([]bool, f.Slots)
	for _, other := range records {
		if other.InstanceID == id {
			return other, nil
		}
		if f.Nodes.State(other.InstanceID) == node.Dead {
			if err := f.Nodes.Destroy(other.InstanceID); err != nil {
				return Instance{}, err
			}
		} else if other.Node.Slot < f.Slots {
			taken[other.Node.Slot] = true
		}
	}
	for slot, isTaken := range taken {
		if !isTaken {
			instance := newInstance(id, slot, request)
			return instance, f.writeRecord(instance)
		}
	}
	return Instance{}, fmt.Errorf("%w: all %d slots of this machine are taken", ErrOutOfCapacity, f.Slots)
}

func newInstance(id string, slot int, request launchRequest) Instance {
	labels := maps.Clone(request.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	if request.InstanceID == "" { // what is told which instance it is may not know: the autoscaler tells the node
		labels[batchmeta.InstanceID] = id
	}
	providerID := cmp.Or(request.ProviderID, "muster:///local/"+id)
	return Instance{
		InstanceID:             id,
		ProviderID:             providerID,
		NodeGroup:              request.NodeGroup,
		ComputeEnvironment:     request.ComputeEnvironment,
		ComputeEnvironmentUUID: request.ComputeEnvironmentUUID,
		InstanceType:           request.InstanceType,
		CapacityType:           request.CapacityType,
		Token:                  request.Token,
		LaunchedAt:             time.Now(),
		Node: node.Node{
			Name: id, Slot: slot, ProviderID: providerID, Labels: labels, Taints: request.Taints,
			Reserved: request.Reserved, MaxPods: request.MaxPods,
		},
	}
}

// instanceID is derived from the token, in the form of EC2's.
func instanceID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "i-0" + hex.EncodeToString(sum[:8])
}

type terminateRequest struct {
	InstanceIDs []string `json:"instanceIds"`
}

// terminate returns when the instances are gone; those that are gone already, or never were, are no error.
func (f Fleet) terminate(ids []string) error {
	lock, err := f.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	var group errgroup.Group
	for _, id := range ids {
		if err := checkID(id); err != nil {
			return fmt.Errorf("terminate: %w", err)
		}
		group.Go(func() error { return f.Nodes.Destroy(id) })
	}
	return group.Wait()
}

// checkID keeps what is no id from becoming a path.
func checkID(id string) error {
	if !strings.HasPrefix(id, "i-") || strings.ContainsAny(id, "/*?[") {
		return fmt.Errorf("%q is no instance id", id)
	}
	return nil
}

type listReply struct {
	Instances []Instance `json:"instances"`
}

func (f Fleet) list() (listReply, error) {
	instances, err := f.Instances()
	return listReply{Instances: instances}, err
}
