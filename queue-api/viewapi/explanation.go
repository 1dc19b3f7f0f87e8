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
	// Kind is what becomes of the job by itself: waits, blocked (somebody must change something first), runs or ended.
	Kind string `json:"kind"`
	// Reason is one sentence, the same as the job's statusReason, if it has one.
	Reason string `json:"reason"`
	// Details are more sentences, for where AWS Batch's own words name nothing.
	Details []string `json:"details,omitempty"`
	// Since is when the job came to where it is, as far as that is known.
	Since int64 `json:"since,omitempty"`
	// Position is nil unless the job waits in its queue.
	Position *Position `json:"position,omitempty"`
	Needs    *Needs    `json:"needs,omitempty"`
	// Supplies is what there is of what the job needs.
	Supplies []Supply `json:"supplies"`
	// ComputeEnvironment and Cluster are those of the attempt under way, and Pods its pods. Cluster is empty for the home cluster.
	ComputeEnvironment string      `json:"computeEnvironment,omitempty"`
	Cluster            string      `json:"cluster,omitempty"`
	Pods               *PodCount   `json:"pods,omitempty"`
	Scheduler          string      `json:"scheduler,omitempty"` // its last word on a pod that has no node
	Autoscaler         *Autoscaler `json:"autoscaler,omitempty"`
	Estimate           *Estimate   `json:"estimate,omitempty"`
	Limit              *Limit      `json:"limit,omitempty"`
	// Next is what the reader may do about it; empty if there is nothing to do.
	Next string `json:"next,omitempty"`
}

// PodCount is how many pods there are.
type PodCount struct {
	Total       int `json:"total"`
	WithoutNode int `json:"withoutNode"`
}

// Limit is when a time limit of its queue will cancel a job.
type Limit struct {
	At     int64  `json:"at"`
	Reason string `json:"reason"`
}

// Position is a job's place among those of its share that wait, or of its queue if that has no shares. The children of an array
// that were not tried yet count as one.
type Position struct {
	// Ahead is what comes before it in its queue or share; the children of an array that were not tried yet count as one.
	Ahead int    `json:"ahead"`
	Of    int    `json:"of"` // jobs that wait, with itself
	Share string `json:"share,omitempty"`
	// JobsAhead is how many jobs and children probably go first, over all shares; absent where that is Ahead.
	JobsAhead int `json:"jobsAhead,omitempty"`
	// AheadByShare is who is ahead, the most first, where the queue has shares; of other shares it is what is probably served
	// first, as shares take turns. At most 20.
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
	Kind string `json:"kind"` // computeEnvironment, computeReservation or consumableResource
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
	Fits bool `json:"fits"` // in at least one environment, when it is empty
	// FitsNow is whether one has room for it within its maxvCpus.
	FitsNow  bool   `json:"fitsNow"`
	JobQueue string `json:"jobQueue"`
	// ComputeEnvironment is where it would go: the first that has room, or else the first that it fits in.
	ComputeEnvironment string `json:"computeEnvironment,omitempty"`
	// InstanceType is the cheapest there for all of its pods, Nodes how many of them these take, and PricePerHour what they cost;
	// nil if that is not known.
	InstanceType string   `json:"instanceType,omitempty"`
	Nodes        int      `json:"nodes,omitempty"`
	PricePerHour *float64 `json:"pricePerHour,omitempty"`
	ArraySize    int      `json:"arraySize,omitempty"` // what stands here is of one child then
	Code         string   `json:"code"`                // as in Explanation
	Kind         string   `json:"kind"`
	Reason       string   `json:"reason"`
	Details      []string `json:"details,omitempty"`
	Needs        *Needs   `json:"needs,omitempty"`
	Supplies     []Supply `json:"supplies"`
	// Environments are those of the queue, in its order.
	Environments []SimulatedEnvironment `json:"environments"`
	Position     *Position              `json:"position,omitempty"`
	Estimate     *Estimate              `json:"estimate,omitempty"`
	Next         string                 `json:"next,omitempty"`
}

// SimulatedEnvironment is what an environment could do for a job.
type SimulatedEnvironment struct {
	Name string `json:"name"`
	Type string `json:"type"` // MANAGED or UNMANAGED
	Fits bool   `json:"fits"`
	// FitsNow is whether it has room for it within its maxvCpus.
	FitsNow bool   `json:"fitsNow"`
	Reason  string `json:"reason,omitempty"` // why it does not fit, or not now
	State   string `json:"state,omitempty"`  // as in Supply
	// InstanceTypes are those that the job's largest pod fits on and that take its pods, the cheapest first; at most 20 of TypesInAll.
	// There are none where nobody knows: of an unmanaged environment, and before the autoscaler reported.
	InstanceTypes []InstanceType `json:"instanceTypes"`
	TypesInAll    int            `json:"typesInAll,omitempty"`
	// Excluded are what is large enough and takes no such pod: instance types, and of an unmanaged environment its nodes, those that
	// are alike as one; at most 20 of ExcludedInAll.
	Excluded      []Exclusion `json:"excluded,omitempty"`
	ExcludedInAll int         `json:"excludedInAll,omitempty"`
}

// Exclusion is why an instance type, or some nodes, take no pod of a job, whatever room they have.
type Exclusion struct {
	InstanceType string `json:"instanceType,omitempty"`
	Nodes        int    `json:"nodes,omitempty"` // of an unmanaged environment
	Reason       string `json:"reason"`          // the first label or taint that stands against it
}

// InstanceType is a type of instance, with what it has and what it costs.
type InstanceType struct {
	Name         string  `json:"name"`
	VCPUs        float64 `json:"vcpus"`
	MemoryMiB    int64   `json:"memoryMiB"`
	GPUs         int     `json:"gpus,omitempty"`
	CapacityType string  `json:"capacityType,omitempty"` // ON_DEMAND, SPOT
	Holds        int     `json:"holds,omitempty"`        // pods of that size, on an empty node
	// PricePerHour is in the currency of the fleet's prices: US dollars, in China yuan. It is nil if it is not known.
	PricePerHour *float64 `json:"pricePerHour,omitempty"`
}
