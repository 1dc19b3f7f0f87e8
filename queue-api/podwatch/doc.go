// SPDX-License-Identifier: Apache-2.0

// Package podwatch settles: it turns what happens to pods into the lives of their jobs. Start with Watcher. Only a leader
// watches; its store refuses the writes of an earlier one.
//
// For each pod that changed it reads the job, derives the events that the pod stands for (Bound, Started, Ended, …) and
// steps the job through those it has not seen yet. A pod carries the finalizer muster.sh/tracking until its outcome is
// durable, so an exit code cannot be lost; afterwards the pod is kept for a while, for its logs, and deleted.
//
// Everything is derived again from pods and jobs at the start and every minute: a missed event heals by itself. A pod whose
// job is unknown is kept: it may be all that is left of the job.
package podwatch
