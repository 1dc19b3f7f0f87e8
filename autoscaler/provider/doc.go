// SPDX-License-Identifier: Apache-2.0

// Package provider is cluster-autoscaler's view of a fleet: compute environments become node groups (one for each
// environment, instance type and capacity type), instances become nodes that are on their way, there, or leaving. Start with
// Provider and Group.
//
// The provider's memory is the truth about sizes: a group's target size is the number of its instances. It is rebuilt at
// start from the fleet's list and from the ledger of launches that were under way, and compared with the fleet's list from
// then on. Nothing here waits for the fleet in cluster-autoscaler's loop:
//
//	                Grow                        fleet.Launch, fleet.List
//	(nothing) ───────────────► launching ───────────────────────► pending ──► running
//	                              │                                  │           │
//	                       launch fails                              │  DeleteNodes
//	                              ▼                                  ▼           ▼
//	                           failed ──► (nothing)             terminating ──► (nothing)
//
// The ledger is what makes a launch happen once and be counted by whoever leads: it is written before the fleet is asked, by
// no one but who opened it last, and struck out only when the fleet's lists show what came of it. A launch of which nobody
// knows that, as when the answer is lost, is asked for again with the same token and counts meanwhile.
//
// A launching instance is a placeholder; core sees it as a node that is being created. A failed one tells core to back the
// group off, and core drops it. A terminating one counts against the environment's vCPUs until the fleet says it is gone.
// An instance that the fleet no longer lists is gone too, and its Node object is deleted.
//
// For which gang a node is kept the node itself says, as reserve.go has it written: whoever leads next reads it there and goes on.
//
// What the cloud announces of an instance comes by notice.go: one that it is about to end is terminating from then on, until it
// is said to be gone or no longer listed.
package provider
