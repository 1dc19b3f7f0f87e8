// SPDX-License-Identifier: Apache-2.0

package batch

import "time"

// Types of consumable resources.
const (
	Replenishable    = "REPLENISHABLE"     // quantities come back when an attempt ends
	NonReplenishable = "NON_REPLENISHABLE" // quantities are spent
)

// ConsumableResource is something of which there is only so much: licences, tokens, bandwidth.
type ConsumableResource struct {
	Name          string
	Type          string // Replenishable or NonReplenishable
	TotalQuantity int64  // at least 0
	// InUseQuantity is what attempts under way hold. It may exceed TotalQuantity after a reduction.
	InUseQuantity int64
	CreatedAt     time.Time
	Tags          map[string]string
	// Updates are the client tokens of recent updates with a digest of what they asked, newest last, so that a repeat is
	// applied once. AWS Batch: for 8 hours.
	Updates []ConsumableUpdate `json:",omitempty"`
}

// ConsumableUpdate remembers one UpdateConsumableResource.
type ConsumableUpdate struct {
	Token  string
	Digest string
	At     time.Time
}

// Available is what may be taken now.
func (c *ConsumableResource) Available() int64 { return max(0, c.TotalQuantity-c.InUseQuantity) }

// ConsumableRequirement is how much of a resource one attempt holds.
type ConsumableRequirement struct {
	Name     string
	Quantity int64
}
