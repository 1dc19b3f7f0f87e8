// SPDX-License-Identifier: Apache-2.0

// Package release draws the consequences of ends: a job's end lets those go that wait for it, or fails them; the end of an
// array's last child ends the array; a stopped array's children are stopped; what an attempt held of consumable resources
// comes back. Start with Releaser. Only a leader releases; its store refuses the writes of an earlier one.
//
// The store marks what ended, in the same step (storetest.DependencyStore). A round takes the marks, looks at the job as it
// is now, does whatever follows, and only then forgets the mark: a round that was cut short is done again, and doing it
// again is harmless. A failure goes along a chain of jobs one hop at a time, each hop a mark of its own.
//
// Nothing should get lost; what did is found by a slow pass over the jobs that wait and the holders of resources.
package release
