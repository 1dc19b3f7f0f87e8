// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"encoding/json"
	"strings"
	"time"
)

// Types of compute environments.
const (
	Managed   = "MANAGED"
	Unmanaged = "UNMANAGED"
)

// ComputeEnvironment is a family of nodes with one budget of vCPUs.
type ComputeEnvironment struct {
	Name         string
	UUID         string // label of its nodes and pods
	Type         string // Managed or Unmanaged
	State        State
	Status       ResourceStatus
	StatusReason string
	// ResourceType repeats ComputeResources: EC2, SPOT, FARGATE or FARGATE_SPOT; empty for Unmanaged.
	ResourceType string `json:",omitempty"`
	// MinvCPUs and MaxvCPUs repeat ComputeResources; for Unmanaged, MaxvCPUs is UnmanagedvCPUs, 0 meaning no limit.
	MinvCPUs       int
	MaxvCPUs       int
	UnmanagedvCPUs *int
	ServiceRole    string
	EKS            *EKSConfiguration
	Tags           map[string]string
	Context        string
	// ComputeResources and UpdatePolicy are as sent, updates merged.
	ComputeResources json.RawMessage `json:",omitempty"`
	UpdatePolicy     json.RawMessage `json:",omitempty"`
	// Generation goes up with each infrastructure update, which replaces the nodes of earlier ones; 0 stands for 1, the first.
	Generation int `json:",omitempty"`
	// ImageGeneration is the generation that was the last to take up the newest machine image.
	// Invariant: at most Generation.
	ImageGeneration int `json:",omitempty"`
	// Report is what the autoscaler said last; nil before it said anything, and of an unmanaged environment.
	Report *Report `json:",omitempty"`
	// Outdated is the JudgedAt of a report that speaks of the environment as it was before its last update.
	Outdated time.Time `json:",omitzero"`
}

// Report is what the autoscaler says of a managed environment's nodes. It stays true until another comes: silence says
// nothing.
type Report struct {
	// DesiredvCPUs are those of the instances that are there, on their way or being launched, and not leaving.
	DesiredvCPUs int
	Status       ResourceStatus // ResourceValid or ResourceInvalid
	StatusReason string
	JudgedAt     time.Time // when Status was decided: another time is another judgement
	// ShortAt is when a launch last failed for want of machines; zero if one has succeeded since.
	ShortAt time.Time `json:",omitzero"`
	// Generation is that of all instances, and of those that will be launched; 0 while there are older ones.
	Generation int `json:",omitempty"`
	// InstanceTypes are those that its nodes may be of, as batchmeta.ParseOffers reads them. They stay text, as environments are
	// read far more often than these.
	InstanceTypes string `json:",omitempty"`
	// NodeSeconds is how long the last instance took from its launch to its node; 0 if that is not known.
	NodeSeconds int `json:",omitempty"`
}

// IsOutdated reports whether the autoscaler judged the environment as it was before its last update.
func (e *ComputeEnvironment) IsOutdated(r *Report) bool {
	return !e.Outdated.IsZero() && e.Outdated.Equal(r.JudgedAt)
}

// EKSConfiguration is where an environment's pods live.
type EKSConfiguration struct {
	ClusterARN string
	Namespace  string
}

// ClusterName is the last part of the environment's eksClusterArn; empty without one.
func (e *ComputeEnvironment) ClusterName() string {
	if e.EKS == nil {
		return ""
	}
	return e.EKS.ClusterARN[strings.LastIndexByte(e.EKS.ClusterARN, '/')+1:]
}

// AcceptsWork reports whether new attempts may be sent to the environment.
func (e *ComputeEnvironment) AcceptsWork() bool {
	return e.State == Enabled && (e.Status == ResourceValid || e.Status == ResourceUpdating)
}

// IsFargate reports whether each pod has a node of its own, of the size that its definition asks for.
func (e *ComputeEnvironment) IsFargate() bool {
	return e.ResourceType == "FARGATE" || e.ResourceType == "FARGATE_SPOT"
}

// TakesGangs reports whether multi-node jobs may run there. AWS Batch: not in UNMANAGED and not in Spot environments.
func (e *ComputeEnvironment) TakesGangs() bool {
	var resources struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(e.ComputeResources, &resources) // the control plane read it before
	return e.Type != Unmanaged && !strings.HasSuffix(resources.Type, "SPOT")
}
