// SPDX-License-Identifier: Apache-2.0

package batch

// Call is what an operation knows of its caller besides the request.
type Call struct {
	Scope // of the ARNs in the reply
	// Invocation is one per call of an SDK and the same in all its retries; empty when the caller sent none.
	Invocation string
	// Principal names the caller: the user's name, else the access key id of the request, else empty.
	Principal string
	// User is who authentication found; zero where nobody is asked who they are.
	User User
}

// User is a caller in Kubernetes' terms.
type User struct {
	Name   string
	UID    string
	Groups []string
	Extra  map[string][]string
}
