// SPDX-License-Identifier: Apache-2.0

package viewapi

// Cost is what attempts cost together, in the currency of the fleet's prices: US dollars, in China yuan.
type Cost struct {
	// Dollars is what is known of it; nil if nothing is.
	Dollars *float64 `json:"dollars,omitempty"`
	// Attempts is how many there are, and UnknownAttempts of how many of them the cost is not known, or not wholly: then Dollars is
	// less than what they cost.
	Attempts        int64 `json:"attempts"`
	UnknownAttempts int64 `json:"unknownAttempts,omitempty"`
}

// JobCost is what a job cost up to now, or a child of an array, or a node of a multi-node job. Of an array it is what the attempts of
// its children cost; of more than 1,000 that are under way the others count as unknown.
type JobCost struct {
	JobID    string        `json:"jobId"`
	At       int64         `json:"at"`
	Cost     Cost          `json:"cost"`
	Attempts []AttemptCost `json:"attempts"` // none of an array
}

// AttemptCost is what one attempt cost up to now.
type AttemptCost struct {
	Attempt int        `json:"attempt"` // from 1
	Cost    Cost       `json:"cost"`
	Hosts   []HostCost `json:"hosts"` // of its pods that have a node, or had one
}

// HostCost is what a pod costs on its machine: its share of the price, from its binding to its end.
type HostCost struct {
	Node         string   `json:"node"`
	NodeIndex    *int     `json:"nodeIndex,omitempty"` // of a multi-node job
	InstanceType string   `json:"instanceType,omitempty"`
	CapacityType string   `json:"capacityType,omitempty"` // ON_DEMAND, SPOT
	PricePerHour *float64 `json:"pricePerHour,omitempty"` // of the machine; nil if it is not known
	// Share is the largest of the pod's parts of the machine's vCPUs, memory and GPUs, above 0 to 1; nil if it is not known.
	Share *float64 `json:"share,omitempty"`
	// BoundAt is when the pod was bound; 0 if it is not known.
	BoundAt int64 `json:"boundAt,omitempty"`
	// Dollars is what the pod cost, with those that were lost before it; nil if it is not known.
	Dollars *float64 `json:"dollars,omitempty"`
}

// Spending is what attempts cost that ended in the last 24 hours, by the queues whose jobs the caller may list.
type Spending struct {
	At     int64           `json:"at"`
	From   int64           `json:"from"` // of the first hour
	Queues []QueueSpending `json:"queues"`
}

// QueueSpending is what attempts of a queue's jobs cost that ended in the last 24 hours.
type QueueSpending struct {
	JobQueue string `json:"jobQueue"` // its name
	Cost     Cost   `json:"cost"`
	// Hours has what was known to be spent in each hour, oldest first; the last one is not over.
	Hours []float64 `json:"hours"`
	// Shares and Tags are sorted by cost, the dearest first. A job counts for each of its tags.
	Shares []ShareSpending `json:"shares"`
	Tags   []TagSpending   `json:"tags"`
	// MoreTags says that there were more tags than are kept.
	MoreTags bool `json:"moreTags,omitempty"`
	// Jobs are those that cost most, of those of which an attempt ended, an array being one.
	Jobs []JobSpending `json:"jobs"`
}

// ShareSpending is what a share cost. OtherShares stands for those that are too many.
type ShareSpending struct {
	Share string `json:"share"`
	Cost  Cost   `json:"cost"`
}

// OtherShares is not a share but all that are too many.
const OtherShares = "*"

// TagSpending is what the jobs with a tag cost.
type TagSpending struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Cost  Cost   `json:"cost"`
}

// JobSpending is what a job cost in all.
type JobSpending struct {
	JobID           string  `json:"jobId"`
	JobName         string  `json:"jobName"`
	ShareIdentifier string  `json:"shareIdentifier,omitempty"`
	Status          string  `json:"status"`
	Dollars         float64 `json:"dollars"`
}
