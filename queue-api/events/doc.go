// SPDX-License-Identifier: Apache-2.0

// Package events tells the world what became of jobs, in the form of Amazon EventBridge: "Batch Job State Change" and
// "Batch Job Queue Blocked". It reads each queue's outbox, which the store writes in the same step as the change itself, so
// every change is told at least once and those of one job in order. Start with Composer, which makes an event of a change;
// Stream serves them as server-sent events, Webhooks posts them.
//
// The outbox of a queue keeps its last entries only (see redisstore): a reader that is further behind misses what is gone,
// which Webhooks counts.
package events
