// SPDX-License-Identifier: Apache-2.0

package batch

import "time"

// Tally is what there is in a job queue, as the store's indexes tell without a look at its jobs.
type Tally struct {
	Queue string // name
	// Jobs are counted by status, an array as one job. A status without jobs may be absent.
	Jobs map[JobStatus]int
	// Waiting is what waits for admission by share: jobs, children of arrays that are retried, and arrays as one each.
	Waiting map[string]int
	// Attempts are those under way, of jobs and of children.
	Attempts int
	// MilliVCPU are the thousandths of a vCPU that they hold, by compute environment; Shares are the same by share.
	MilliVCPU map[string]int64
	Shares    map[string]int64
	// OldestRunnable is when the oldest job was submitted that is RUNNABLE, of arrays at the head of their share the arrays
	// themselves; zero if there is none.
	OldestRunnable time.Time
}
