// SPDX-License-Identifier: Apache-2.0

package check

import "github.com/muster-batch/muster/queue-api/batch"

// World is all that is known when everything has come to rest.
type World struct {
	Submits []Submit
	// Jobs are what DescribeJobs says, by id: of every submitted job, of the children of small arrays and of those of large
	// ones that ran.
	Jobs    map[string]Job
	Runs    []Run
	Changes map[string][]Change // of status, in order, by job id
	Ended   []Ending
	Left    Left
	// Exceeded tells each launch that made an environment larger than it may be.
	Exceeded []string
	Launches int
	// Bound are the tries of parts of which a pod was bound to a node, whether that was still there or not; Removed those of
	// which the attack deleted one.
	Bound, Removed []Attempt
	// Alarms are what programs wrote that they must never write: a race, a panic, an invariant that does not hold.
	Alarms []string

	stops map[string]bool // the jobs that someone asked to end
}

// Submit is a job that the client was told is accepted.
type Submit struct {
	Invocation string   `json:"invocation"`
	JobIDs     []string `json:"jobIds"` // one for each time that the request was answered
	Children   int      `json:"children,omitempty"`
	Nodes      int      `json:"nodes,omitempty"`
	Attempts   int      `json:"attempts"`
	DependsOn  []string `json:"dependsOn,omitempty"` // jobs as wholes
	NToN       string   `json:"nToN,omitempty"`      // an array each child of which waits for the one of its index
	Sequential bool     `json:"sequential,omitempty"`
	// Stopped says that someone asked for its end, or that it has a timeout: that it failed proves nothing.
	Stopped bool `json:"stopped,omitempty"`
}

// ID is the job's.
func (s *Submit) ID() string { return s.JobIDs[0] }

// Job is what DescribeJobs says of a job or a child.
type Job struct {
	Status   batch.JobStatus
	Reason   string
	Attempts []Outcome
	Summary  map[batch.JobStatus]int // of an array
}

// Outcome is what it says of an attempt.
type Outcome struct {
	ExitCode *int
	Reason   string
	// Uncounted attempts are made again and do not count.
	Uncounted bool
}

// Change is an entry of a queue's outbox.
type Change struct {
	From, To batch.JobStatus
}

// Ending is an instance that the autoscaler ended.
type Ending struct {
	Instance string
	Running  []string // what ran there
}

// Left is what there still is.
type Left struct {
	Instances, Nodes, Pods, ConfigMaps []string
	// Store is what an audit of the store finds to be wrong.
	Store []string
}

// children are the ids of those of an array's children that are known.
func (w *World) children(s *Submit) []string {
	var ids []string
	for i := range s.Children {
		if id := batch.ChildID(s.ID(), i); w.knows(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (w *World) knows(id string) bool {
	_, ok := w.Jobs[id]
	return ok
}

// JobID is the id of the job that a part belongs to, the child's where it is one's.
func (p Part) JobID() string {
	if p.Index >= 0 {
		return batch.ChildID(p.Job, p.Index)
	}
	return p.Job
}
