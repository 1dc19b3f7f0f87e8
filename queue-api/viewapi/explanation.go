// SPDX-License-Identifier: Apache-2.0

package viewapi

// Explanation says why a job is in the state that it is in.
type Explanation struct {
	JobID    string `json:"jobId"`
	JobName  string `json:"jobName"`
	JobQueue string `json:"jobQueue"` // its name
	Status   string `json:"status"`
	// Code is stable and one of those that docs/explain.md lists: QUOTA:MAX_VCPUS.
	Code string `json:"code"`
	// Reason is one sentence, the same as the job's statusReason.
	Reason string `json:"reason"`
	// Position is nil unless the job waits in its queue.
	Position *Position `json:"position,omitempty"`
	Needs    *Needs    `json:"needs,omitempty"`
	// Supplies is what there is of what the job needs.
	Supplies   []Supply    `json:"supplies"`
	Autoscaler *Autoscaler `json:"autoscaler,omitempty"`
	Estimate   *Estimate   `json:"estimate,omitempty"`
	// Next is what the reader may do about it; empty if there is nothing to do.
	Next string `json:"next,omitempty"`
}

// Position is a job's place among those that wait.
type Position struct {
	Ahead int    `json:"ahead"` // jobs that come before it
	Of    int    `json:"of"`    // jobs that wait, with itself
	Share string `json:"share,omitempty"`
	// AheadByShare is who is ahead, the most first, where the queue has shares.
	AheadByShare []ShareCount `json:"aheadByShare,omitempty"`
}

// ShareCount is a number of jobs of a share.
type ShareCount struct {
	Share string `json:"share"`
	Jobs  int    `json:"jobs"`
}

// Needs is what a job asks for, all its nodes together.
type Needs struct {
	VCPUs       float64      `json:"vcpus"`
	MemoryMiB   int64        `json:"memoryMiB"`
	GPUs        int          `json:"gpus,omitempty"`
	Nodes       int          `json:"nodes,omitempty"` // of a multi-node job
	Consumables []Consumable `json:"consumables,omitempty"`
}

// Consumable is a quantity of a consumable resource.
type Consumable struct {
	Name     string `json:"name"`
	Quantity int64  `json:"quantity"`
}

// Supply is how much there is of one thing, and how much of it is free.
type Supply struct {
	Kind string `json:"kind"` // computeEnvironment, consumableResource or node
	Name string `json:"name"`
	Unit string `json:"unit"` // vCPU, MiB, GPU; empty where it is counted
	// Free and Total are nil where there is no limit.
	Free  *float64 `json:"free,omitempty"`
	Total *float64 `json:"total,omitempty"`
	// State says why it is of no use: DISABLED, INVALID. Empty if it is of use.
	State string `json:"state,omitempty"`
}

// Autoscaler is what the autoscaler said last about what the job waits for.
type Autoscaler struct {
	ComputeEnvironment string `json:"computeEnvironment,omitempty"`
	Reason             string `json:"reason,omitempty"` // of the Kubernetes Event
	Message            string `json:"message"`
	At                 int64  `json:"at,omitempty"`
}

// Estimate is when a job is thought to start. Either StartsAt or UnknownBecause is set.
type Estimate struct {
	StartsAt       *int64 `json:"startsAt,omitempty"`
	Because        string `json:"because,omitempty"` // what the estimate is made of
	UnknownBecause string `json:"unknownBecause,omitempty"`
}

// Simulation is what would become of a job if it were submitted now.
type Simulation struct {
	Fits     bool   `json:"fits"` // in at least one environment, when it is empty
	JobQueue string `json:"jobQueue"`
	Code     string `json:"code"` // as in Explanation
	Reason   string `json:"reason"`
	Needs    *Needs `json:"needs,omitempty"`
	// Environments are those of the queue, in its order.
	Environments []SimulatedEnvironment `json:"environments"`
	Position     *Position              `json:"position,omitempty"`
	Estimate     *Estimate              `json:"estimate,omitempty"`
	Next         string                 `json:"next,omitempty"`
}

// SimulatedEnvironment is what an environment could do for a job.
type SimulatedEnvironment struct {
	Name   string `json:"name"`
	Fits   bool   `json:"fits"`
	Reason string `json:"reason,omitempty"` // why it does not fit
	State  string `json:"state,omitempty"`  // as in Supply
	// InstanceTypes are those that the job fits on, the cheapest first.
	InstanceTypes []InstanceType `json:"instanceTypes"`
}

// InstanceType is a type of instance, with what it has and what it costs.
type InstanceType struct {
	Name         string  `json:"name"`
	VCPUs        float64 `json:"vcpus"`
	MemoryMiB    int64   `json:"memoryMiB"`
	GPUs         int     `json:"gpus,omitempty"`
	CapacityType string  `json:"capacityType,omitempty"` // ON_DEMAND, SPOT
	// PricePerHour is in dollars; nil if it is not known.
	PricePerHour *float64 `json:"pricePerHour,omitempty"`
}
