// SPDX-License-Identifier: Apache-2.0

package batch

import "time"

// StatusChange is one entry of a queue's outbox: a job changed its status.
type StatusChange struct {
	// Cursor orders the entries of one queue; reading goes on after it.
	Cursor string
	JobID  string
	From   JobStatus // empty when submitted
	To     JobStatus
	At     time.Time
	// Reason is the statusReason at that change. From equals To when only the reason of a blocked RUNNABLE job changed.
	Reason string
}
