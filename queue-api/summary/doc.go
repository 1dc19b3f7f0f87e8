// SPDX-License-Identifier: Apache-2.0

// Package summary tells how all queues are, and how they were for a day. Recorder, which the leader runs, keeps a step of each
// queue every five minutes; View makes of the store's tallies and of those steps what GET /x/v1/summary answers.
//
// A step says what was there when it was last looked at, and what ended while it lasted. Each has a place among those of a day, so
// a new one takes the place of one that is a day older, and a queue's history never grows. A step carries how far in the queue's
// outbox its counting got: whoever leads next goes on from there, and counts nothing twice.
//
// The package decides nothing and knows no callers: who may see which queue is package authz's.
package summary
