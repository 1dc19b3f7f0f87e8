// SPDX-License-Identifier: Apache-2.0

// Package meter makes the metrics of jobs and queues. Start with Jobs and State.
//
// Jobs counts changes of jobs as the store writes them, in whichever process that is: the sum over all processes is what
// happened. State tells how things are, from the store's indexes; only the leader has it, so that nothing is there twice.
//
// No label is a job's or a user's. What a queue or a share is called is a tenant's choice: series of queues that are gone are
// dropped, and of shares so many are told as MaxShares says.
package meter
