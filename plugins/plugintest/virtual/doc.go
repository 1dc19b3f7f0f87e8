// SPDX-License-Identifier: Apache-2.0

// Package virtual is a cluster in virtual time, for tests of what a scheduler does when much goes wrong. The scheduler is
// the real one with the built-in configuration; around it is an API server in memory whose watches lag, whose replies get
// lost and whose writes take time, kubelets that refuse pods they have no room for, the collector of pods without a node,
// and leaders that die in the middle of their work. A delay costs nothing: all of it runs in a testing/synctest bubble.
//
// Start with [Run] and [Cluster]. [Point] names where a leader can be made to die. What is random is drawn from the seed
// and from what it is about, not from the order in which goroutines run, so a seed brings the same faults again; which of
// several equal nodes the scheduler takes remains its own choice.
//
// It knows nothing of gangs: tests bring pods and judge what became of them.
package virtual
