// SPDX-License-Identifier: Apache-2.0

package viewapi

// LogEnd is the member musterEnd of GetLogEvents' answer. It is there if a page that was read forward reaches the end of what
// there is now, and tells who follows a log whether more will come.
type LogEnd struct {
	// State is LogOpen, or how the log ended.
	State string `json:"state"`
	// Reason says why the log is not whole; empty if it is.
	Reason string `json:"reason,omitempty"`
	// DroppedBytes is how much of it is known not to be kept.
	DroppedBytes int64 `json:"droppedBytes,omitempty"`
}

// The states of a log.
const (
	LogOpen       = "OPEN"       // its container runs, or the rest of what it wrote is being kept
	LogComplete   = "COMPLETE"   // all that was written is kept
	LogTruncated  = "TRUNCATED"  // it was too long: the middle is not kept
	LogIncomplete = "INCOMPLETE" // its kubelet did not give the rest, or its machine is gone
	LogLost       = "LOST"       // the archive did not take the rest
)
