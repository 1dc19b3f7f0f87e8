// SPDX-License-Identifier: Apache-2.0

package batch

import "encoding/json"

// JobQueue is a queue of jobs before one to three compute environments.
type JobQueue struct {
	Name string
	// Number is in every id of the queue's jobs and is never given out again. Invariant: 1 <= Number < 1<<20.
	Number       int
	State        State
	Status       ResourceStatus
	StatusReason string
	Priority     int // higher goes first
	Environments []EnvironmentOrder
	// SchedulingPolicy is the name of the policy of a fair-share queue; empty for FIFO, for ever.
	SchedulingPolicy string `json:",omitempty"`
	Tags             map[string]string
	// JobStateTimeLimitActions are as sent.
	JobStateTimeLimitActions json.RawMessage `json:",omitempty"`
}

// Target is what a submission goes to, as it was lately.
type Target struct {
	Queue      JobQueue
	Definition JobDefinition
	View       string // of the store; it changes with whatever could make another target of the same request
}

// EnvironmentOrder ranks a compute environment in a queue; lower Order is tried first.
type EnvironmentOrder struct {
	Order int
	Name  string
}

// Uses reports whether the queue may send jobs to the environment.
func (q *JobQueue) Uses(environment string) bool {
	for _, e := range q.Environments {
		if e.Name == environment {
			return true
		}
	}
	return false
}
