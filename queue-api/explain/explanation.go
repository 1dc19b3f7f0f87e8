// SPDX-License-Identifier: Apache-2.0

package explain

import "time"

// Request asks for the explanation of a job, an array's child or a node's job.
type Request struct {
	JobID string `json:"-"` // from the path
}

// Validate is for what serves requests: whether there is such a job is looked up.
func (r *Request) Validate() error { return nil }

// Explanation says why a job is where it is.
type Explanation struct {
	JobID    string `json:"jobId"`
	JobName  string `json:"jobName"`
	JobQueue string `json:"jobQueue"` // its name
	Status   string `json:"status"`
	Code     Code   `json:"code"`
	Kind     Kind   `json:"kind"`
	// Reason is one sentence with numbers: the job's statusReason, if it has one.
	Reason string `json:"reason"`
	// Details are more sentences, for where AWS Batch's own words name nothing.
	Details []string `json:"details,omitempty"`
	// Since is when the job came to where it is, as far as that is known.
	Since    time.Time `json:"since,omitzero"`
	Position *Position `json:"position,omitempty"`
	Needs    *Needs    `json:"needs,omitempty"`
	Supplies []Supply  `json:"supplies,omitempty"`

	ComputeEnvironment string `json:"computeEnvironment,omitempty"` // of the attempt under way
	Cluster            string `json:"cluster,omitempty"`            // of the attempt under way; empty for the home cluster
	Pods               *Pods  `json:"pods,omitempty"`
	// Scheduler and Autoscaler are the last words of each on the attempt under way.
	Scheduler  string `json:"scheduler,omitempty"`
	Autoscaler string `json:"autoscaler,omitempty"`

	Estimate *Estimate `json:"estimate,omitempty"`
	Limit    *Limit    `json:"limit,omitempty"`
	Next     string    `json:"next"`
}

// Position is where a waiting job stands.
type Position struct {
	// Ahead and Of count the entries of the job's share, or of its queue if that has no shares. The children of an array that were
	// not tried yet are one entry together.
	Ahead int    `json:"ahead"`
	Of    int    `json:"of"`
	Share string `json:"share,omitempty"`
	// Shares are those in which something waits, the next to be served first; at most 20, the job's own among them.
	Shares []ShareStanding `json:"shares,omitempty"`
}

// ShareStanding is how a share of a fair-share queue stands.
type ShareStanding struct {
	Share   string  `json:"share"`
	Waiting int     `json:"waiting"` // entries
	VCPUs   float64 `json:"vcpus"`   // in use
	Weight  float64 `json:"weight"`  // lower gets more
}

// Needs are what one attempt takes.
type Needs struct {
	Nodes       int          `json:"nodes,omitempty"` // of a multi-node job; what follows is of all together
	VCPUs       float64      `json:"vcpus"`
	MemoryMiB   int64        `json:"memoryMiB"`
	GPUs        int64        `json:"gpus,omitempty"`
	Consumables []Consumable `json:"consumableResources,omitempty"`
}

// Consumable is a quantity of a consumable resource.
type Consumable struct {
	Name     string `json:"name"`
	Quantity int64  `json:"quantity"`
}

// Kinds of supplies.
const (
	SupplyEnvironment = "computeEnvironment"
	SupplyConsumable  = "consumableResource"
	SupplyReservation = "computeReservation"
)

// Supply is something of which there is only so much.
type Supply struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Free and Total are vCPUs, or units of a consumable resource. Total is absent where there is no limit.
	Free  *float64 `json:"free,omitempty"`
	Total *float64 `json:"total,omitempty"`
	// State says why nothing of it can be had, or is empty: DISABLED, INVALID, "does not exist".
	State string `json:"state,omitempty"`
}

// Pods are those of the attempt under way.
type Pods struct {
	Total       int `json:"total"`
	WithoutNode int `json:"withoutNode"`
}

// Estimate is when a job will probably start, or why nobody can tell.
type Estimate struct {
	StartsAt       time.Time `json:"startsAt,omitzero"`
	Basis          string    `json:"basis,omitempty"` // what StartsAt follows from
	UnknownBecause string    `json:"unknownBecause,omitempty"`
}

// Limit is when a time limit of its queue will cancel the job.
type Limit struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}
