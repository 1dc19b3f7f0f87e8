// SPDX-License-Identifier: Apache-2.0

package batch

// Call is what an operation knows of its caller besides the request.
type Call struct {
	Scope // of the ARNs in the reply
	// Invocation is one per call of an SDK and the same in all its retries; empty when the caller sent none.
	Invocation string
	// Principal is the access key id that signed the request; empty when there is none.
	Principal string
}
