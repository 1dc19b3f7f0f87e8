// SPDX-License-Identifier: Apache-2.0

package batch

// SchedulingPolicy says how a queue shares out its environments.
type SchedulingPolicy struct {
	Name string
	// FairShare is nil for a policy that was made without one: the defaults then apply.
	FairShare *FairSharePolicy
	Tags      map[string]string
}

// FairSharePolicy is as sent; nil members were not given.
type FairSharePolicy struct {
	ShareDecaySeconds  *int          `json:",omitempty"` // AWS Batch: 0 to 604800
	ComputeReservation *int          `json:",omitempty"` // AWS Batch: 0 to 99
	ShareDistribution  []ShareWeight `json:",omitempty"`
}

// ShareWeight is the weight of one share, or of every share that begins with what stands before a trailing asterisk.
type ShareWeight struct {
	ShareIdentifier string
	WeightFactor    *float64 `json:",omitempty"` // AWS Batch: 0.0001 to 999.9999, default 1; lower gets more
}
