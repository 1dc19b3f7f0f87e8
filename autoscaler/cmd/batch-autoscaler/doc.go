// SPDX-License-Identifier: Apache-2.0

//go:build kwok

// batch-autoscaler buys and ends nodes for AWS Batch's compute environments: cluster-autoscaler's core around our own cloud
// provider, demand and scale-up. It reads pods and nodes from Kubernetes and environments from the Batch API, and knows
// nothing of the queue.
//
// The wiring is here: options.go (flags), leader.go (one leader), engine.go (what a leader builds), core.go (how
// cluster-autoscaler is set), loop.go (when it looks), health.go.
//
// Every file of this package has the build tag kwok. cluster-autoscaler's package core links the clients of all clouds
// unless a tag names one provider, and its own simulated one brings the least; nothing of it is used.
package main
