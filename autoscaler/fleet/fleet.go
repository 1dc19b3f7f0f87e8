// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/autoscaler/instancetype"
)

// Fleet launches and ends instances.
type Fleet interface {
	// InstanceTypes says what stands behind the names that a compute environment uses: exact types, families, "optimal", "fargate".
	// The order of the result is the order of preference where the strategy has one. A name that nobody knows is an error.
	InstanceTypes(ctx context.Context, names []string) ([]instancetype.Type, error)

	// Launch starts r.Count instances and returns those that were started; it does not wait for their nodes. An error tells
	// why the others were not. With r.Whole it is all or none of them. It is idempotent by r.Token: repeated after a crash,
	// or by the next leader, it returns the instances of the first call. Of the errors, IsOutOfCapacity ones may pass with
	// time or with another instance type, and IsUncertain ones say that it has to be repeated to be known.
	Launch(ctx context.Context, r LaunchRequest) ([]Instance, error)

	// List returns every instance launched and not yet gone, pending ones too. A result is complete or an error.
	List(ctx context.Context) ([]Instance, error)

	// Terminate ends instances and returns when they are gone. Unknown ids and those gone already are no error.
	Terminate(ctx context.Context, ids []string) error
}

// LaunchRequest asks for instances of one node group.
type LaunchRequest struct {
	Token       string // unique to the launch; instance i of it has the token InstanceToken(Token, i)
	Count       int
	Whole       bool // fewer than Count are of no use
	OneZone     bool // nor are they if they are not all in one zone; of a launch that is Whole
	NodeGroup   string
	Environment Environment
	// Type is what each instance has at least. If there are Types, each may be of any of them, the first preferred, and Type
	// is none of them but what they have in common.
	Type         instancetype.Type
	Types        []instancetype.Type
	CapacityType string // batchmeta.CapacityOnDemand or batchmeta.CapacitySpot
	// Labels and Taints are those that the nodes must register with, beside the label batchmeta.InstanceID. With Types, the
	// label of the instance type is not among them: each node has its own.
	Labels map[string]string
	Taints []corev1.Taint
}

// Choices are the types that each instance may be of, the preferred first.
func (r *LaunchRequest) Choices() []instancetype.Type {
	if len(r.Types) == 0 {
		return []instancetype.Type{r.Type}
	}
	return r.Types
}

// Of is the request for one of its choices alone.
func (r *LaunchRequest) Of(t instancetype.Type) LaunchRequest {
	one := *r
	one.Type, one.Types = t, nil
	one.Labels = maps.Clone(r.Labels)
	if one.Labels == nil {
		one.Labels = map[string]string{}
	}
	one.Labels[corev1.LabelInstanceTypeStable] = t.Name
	return one
}

// State of an instance.
type State string

// The states. An instance that is gone is not listed.
const (
	Pending State = "pending"
	Running State = "running"
)

// Instance is a machine of the fleet.
type Instance struct {
	ID string
	// ProviderID is the spec.providerID of the instance's node.
	ProviderID      string
	NodeGroup       string
	EnvironmentUUID string
	InstanceType    string
	Token           string
	State           State
	// Unshown says that the fleet remembers the instance and its lists do not have it yet: another process cannot know of it.
	Unshown bool
	// PricePerHour is what the instance costs, where the fleet knows that better than its type says; else 0.
	PricePerHour float64
}

// InstanceToken is the token of one instance of a launch.
func InstanceToken(launch string, i int) string { return launch + "-" + strconv.Itoa(i) }
