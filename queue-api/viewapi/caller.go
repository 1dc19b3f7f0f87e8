// SPDX-License-Identifier: Apache-2.0

package viewapi

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

// CanIRequest asks whether the caller may do an operation on a resource.
type CanIRequest struct {
	Operation string `json:"operation"` // of the API: SubmitJob
	// Resource is a name or an ARN of what the operation is on; empty for all of its kind.
	Resource string `json:"resource,omitempty"`
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
	Name string `json:"name"` // redis, leader, batch-scheduler, batch-autoscaler, logs
	// Result is ok, warn, fail or unknown.
	Result  string `json:"result"`
	Message string `json:"message,omitempty"`
	Version string `json:"version,omitempty"`
}
