// SPDX-License-Identifier: Apache-2.0

package viewapi

// Summary is how all queues are that the caller may see.
type Summary struct {
	At     int64          `json:"at"` // when it was made
	Queues []QueueSummary `json:"queues"`
	Totals Totals         `json:"totals"`
}

// Totals are over the queues of a Summary.
type Totals struct {
	Counts    map[string]int64 `json:"counts"` // jobs by status
	Attempts  int64            `json:"attempts"`
	VCPUsUsed float64          `json:"vcpusUsed"`
}

// QueueSummary is how one queue is.
type QueueSummary struct {
	JobQueue     string `json:"jobQueue"` // its name
	State        string `json:"state"`
	Status       string `json:"status"`
	StatusReason string `json:"statusReason,omitempty"`
	Paused       bool   `json:"paused"`
	Priority     int    `json:"priority"`
	// Counts are jobs by status; a status without jobs may be left out. Ended jobs count as long as they are kept.
	Counts map[string]int64 `json:"counts"`
	// Attempts are those under way, of jobs and of the children of arrays, each.
	Attempts int64 `json:"attempts"`
	// OldestRunnableAgeSeconds is for how long the job has waited that waits longest; nil if none waits.
	OldestRunnableAgeSeconds *int64  `json:"oldestRunnableAgeSeconds,omitempty"`
	VCPUsUsed                float64 `json:"vcpusUsed"`
	// MaxVCPUs is what the queue's environments may have together; nil where one has no limit.
	MaxVCPUs *float64 `json:"maxvCpus,omitempty"`
	History  *History `json:"history,omitempty"`
}

// History is the last 24 hours in steps, oldest first. All its lists have the same length.
type History struct {
	From        int64   `json:"from"` // of the first step
	StepSeconds int     `json:"stepSeconds"`
	Runnable    []int64 `json:"runnable"`
	Running     []int64 `json:"running"`
	// Succeeded and Failed are how many jobs ended in the step.
	Succeeded []int64   `json:"succeeded"`
	Failed    []int64   `json:"failed"`
	VCPUs     []float64 `json:"vcpus"`
}

// Array is the statuses of all children of an array job.
type Array struct {
	JobID string `json:"jobId"`
	Size  int    `json:"size"`
	// Statuses has a letter for each child, in their order: one of StatusLetters.
	Statuses string `json:"statuses"`
}

// StatusLetters are the letters of an Array, in the order of a job's life: SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING,
// SUCCEEDED, FAILED.
const StatusLetters = "SPRTUDF"
