// SPDX-License-Identifier: Apache-2.0

// Package graphs submits random graphs of jobs and arrays to the real control plane, lets the real releaser draw the
// consequences of their ends in virtual time, cancels and terminates some, and holds what became of them to a simple oracle: a
// run runs if and only if what it waits for succeeded, and an array ends as its children did.
package graphs
