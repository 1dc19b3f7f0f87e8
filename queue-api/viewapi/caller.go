// SPDX-License-Identifier: Apache-2.0

package viewapi

import "encoding/json"

// WhoAmI is who the server takes the caller for.
type WhoAmI struct {
	// Anonymous says that the server asks nobody who they are.
	Anonymous bool     `json:"anonymous,omitempty"`
	User      string   `json:"user,omitempty"` // in Kubernetes' terms
	UID       string   `json:"uid,omitempty"`
	Groups    []string `json:"groups"`
	Region    string   `json:"region"`
	Account   string   `json:"account"`
}

// CanIRequest asks whether the caller may do an operation.
type CanIRequest struct {
	Operation string `json:"operation"` // of the API: SubmitJob
	// Request is the operation's request as far as it matters: {"jobQueue": "q"}. What it does not name is asked about for all
	// of its kind.
	Request json.RawMessage `json:"request,omitempty"`
	// ResourceARN is what operations on tags have in their path.
	ResourceARN string `json:"resourceArn,omitempty"`
}

// CanI is the answer.
type CanI struct {
	Allowed bool `json:"allowed"`
	// Reason says what is missing.
	Reason string `json:"reason,omitempty"`
}

// Status is how the server and what it stands on are, as far as any caller may know.
type Status struct {
	At      int64         `json:"at"` // the server's clock
	Version string        `json:"version"`
	Checks  []StatusCheck `json:"checks"`
}

// StatusCheck is one thing that was looked at.
type StatusCheck struct {
	Name    string `json:"name"`   // redis, leader, batch-scheduler, batch-autoscaler, logs
	Result  string `json:"result"` // one of those below
	Message string `json:"message,omitempty"`
}

// Results of checks.
const (
	ResultOK      = "ok"
	ResultWarn    = "warn"
	ResultFail    = "fail"
	ResultUnknown = "unknown"
)
