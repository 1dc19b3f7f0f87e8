// SPDX-License-Identifier: Apache-2.0

// Package histories tells whether what the callers of the Batch API saw of a job can be told in one order, one call after the
// other, with each call where it was under way: whether the API is linearizable. Start with Model, which says what each call
// does to one job, and Check. A call whose outcome its caller never learned may have its effect at any later time, or none.
//
// The tests record histories against the real control plane and store on a real redis-server, whose connections break and
// which is killed.
package histories
