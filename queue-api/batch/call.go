// SPDX-License-Identifier: Apache-2.0

package batch

// Call is what an operation knows of its caller besides the request.
type Call struct {
	Scope // of the ARNs in the reply
	// Invocation is one per call of an SDK and the same in all its retries; empty when the caller sent none.
	Invocation string
	Caller
}

// Caller is who makes a call, in Kubernetes' terms.
type Caller struct {
	// Principal is the user's name; where nobody is asked who they are, the access key id of the request, or empty.
	Principal string
	// UID, Groups and Extra are those of a user that Kubernetes knows, or of an access key's owner.
	UID    string
	Groups []string
	Extra  map[string][]string
}
