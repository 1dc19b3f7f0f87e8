// SPDX-License-Identifier: Apache-2.0

package viewapi

// Nodes are the nodes of compute environments over all clusters.
type Nodes struct {
	At       int64          `json:"at"`
	Nodes    []Node         `json:"nodes"`
	Clusters []ClusterState `json:"clusters"`
	// Truncated says that there are more nodes than are listed.
	Truncated bool `json:"truncated,omitempty"`
}

// ClusterState is whether a Kubernetes cluster could be asked.
type ClusterState struct {
	Name  string `json:"name"`
	Nodes int    `json:"nodes"`
	Error string `json:"error,omitempty"` // why its nodes are missing
}

// Node is one node.
type Node struct {
	Name               string `json:"name"`
	Cluster            string `json:"cluster,omitempty"`
	ComputeEnvironment string `json:"computeEnvironment,omitempty"`
	Managed            bool   `json:"managed"`
	InstanceType       string `json:"instanceType,omitempty"`
	InstanceID         string `json:"instanceId,omitempty"`
	Zone               string `json:"zone,omitempty"`
	CapacityType       string `json:"capacityType,omitempty"` // ON_DEMAND, SPOT
	CreatedAt          int64  `json:"createdAt,omitempty"`

	Ready    bool   `json:"ready"`
	Draining bool   `json:"draining,omitempty"` // takes no new pods, and is to go
	Reserved bool   `json:"reserved,omitempty"` // held for a job that is to start
	Mark     string `json:"mark,omitempty"`     // why it drains or is held, in words

	Allocatable Resources `json:"allocatable"`
	Requested   Resources `json:"requested"`
	// PricePerHour is in dollars; nil if it is not known.
	PricePerHour *float64  `json:"pricePerHour,omitempty"`
	Jobs         []NodeJob `json:"jobs"` // those that the caller may see
	// HiddenJobs are how many more there are: not the caller's to see, or too many to list.
	HiddenJobs int `json:"hiddenJobs,omitempty"`
}

// Resources are amounts of what pods ask for.
type Resources struct {
	VCPUs     float64 `json:"vcpus"`
	MemoryMiB int64   `json:"memoryMiB"`
	GPUs      int64   `json:"gpus,omitempty"`
	Pods      int64   `json:"pods,omitempty"`
}

// NodeJob is an attempt of a job on a node.
type NodeJob struct {
	JobID     string  `json:"jobId"`
	JobName   string  `json:"jobName,omitempty"`
	JobQueue  string  `json:"jobQueue,omitempty"`
	Attempt   int     `json:"attempt"`             // from 1
	NodeIndex *int    `json:"nodeIndex,omitempty"` // of a multi-node job
	VCPUs     float64 `json:"vcpus,omitempty"`
	MemoryMiB int64   `json:"memoryMiB,omitempty"`
	GPUs      int64   `json:"gpus,omitempty"`
	Pod       string  `json:"pod,omitempty"`
}

// Decisions are what the autoscaler did and said lately, newest first.
type Decisions struct {
	At        int64          `json:"at"`
	Decisions []Decision     `json:"decisions"`
	Clusters  []ClusterState `json:"clusters"`
	Truncated bool           `json:"truncated,omitempty"`
}

// Decision is one Kubernetes Event of the autoscaler.
type Decision struct {
	ID                 string `json:"id"` // the same each time that the same event is told
	At                 int64  `json:"at"` // when it was said last
	FirstAt            int64  `json:"firstAt,omitempty"`
	Count              int    `json:"count"`
	Type               string `json:"type"`   // Normal or Warning
	Reason             string `json:"reason"` // CamelCase: TriggeredScaleUp
	Message            string `json:"message"`
	Cluster            string `json:"cluster,omitempty"`
	ComputeEnvironment string `json:"computeEnvironment,omitempty"`
	JobID              string `json:"jobId,omitempty"`
	Object             string `json:"object,omitempty"` // what it is about: Pod/name, Node/name
}

// Gang is the members of a multi-node job, or of another gang.
type Gang struct {
	JobID    string `json:"jobId"`
	JobName  string `json:"jobName,omitempty"`
	JobQueue string `json:"jobQueue,omitempty"`
	Status   string `json:"status"`
	Size     int    `json:"size"` // members that there must be
	Bound    int    `json:"bound"`
	Waiting  int    `json:"waiting"` // have a pod, but no node
	Missing  int    `json:"missing"` // have no pod
	// Reason is why it does not start, in one sentence.
	Reason  string       `json:"reason,omitempty"`
	Members []GangMember `json:"members"`
}

// GangMember is one of a gang.
type GangMember struct {
	Index    int    `json:"index"`
	Main     bool   `json:"main,omitempty"`
	JobID    string `json:"jobId,omitempty"`
	Pod      string `json:"pod,omitempty"`
	Status   string `json:"status"` // of its pod: Missing, Waiting, Bound, Running, Succeeded, Failed
	Node     string `json:"node,omitempty"`
	Zone     string `json:"zone,omitempty"`
	Reason   string `json:"reason,omitempty"`
	ExitCode *int   `json:"exitCode,omitempty"`
}

// State is the first thing to know of a node.
func (n *Node) State() string {
	switch {
	case n.Draining:
		return "Draining"
	case !n.Ready:
		return "NotReady"
	case n.Reserved:
		return "Reserved"
	}
	return "Ready"
}
