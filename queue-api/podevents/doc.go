// SPDX-License-Identifier: Apache-2.0

// Package podevents writes Kubernetes Events on the pods of jobs. Start with Recorder. The reasons are batchmeta.Events.
//
// Events are for people who look, no more: nothing depends on them. So there is a bound on how many are written a second, one
// for those that warn and one for the others, and what is beyond it, and beyond a short queue, is dropped and counted. Ten
// thousand pods that end at once are told of by their jobs; the API server has better things to do.
package podevents
