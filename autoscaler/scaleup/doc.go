// SPDX-License-Identifier: Apache-2.0

// Package scaleup buys nodes: cluster-autoscaler's Orchestrator with demand counted by shape instead of by pod. Start with
// Orchestrator.
//
// Each loop it poses one pack.Problem of the snapshot's nodes (upcoming ones too), the node groups on offer, the
// environments' vCPUs and the demands; it grows groups by what the answer buys, and leaves in the snapshot one stand-in pod
// on each node that demands were placed on, so that scale-down knows those nodes are wanted. Pods that cannot be helped are
// told why by an Event (Reporter).
package scaleup
