// SPDX-License-Identifier: Apache-2.0

// Package gang knows which pods form a gang, where each gang stands, and what its next scheduling cycle is to do. It is
// the pure core of the scheduler's gang plugins: it is told of pods and of plans and answers from memory, with no I/O,
// no clock, no logger and nothing of kube-scheduler. All it knows is rebuilt from the pods alone after a restart.
//
// Start with [Ledger], [Turn] and [Plan]. [Order] is a pod's place in the scheduling queue.
//
// A gang is the set of live pods (not terminating, not finished, not gated) of one namespace that share the label
// batchmeta.Gang. A member's way through the ledger:
//
//	         all members exist,        a plan seats            the last seat of
//	         or one is bound           the whole gang          the plan is reserved
//	held ───────────────────▶ ready ──────────────▶ seated ──▶ reserved ──▶ placed ──▶ bound
//	  ▲                         ▲                      │           │           │
//	  └── a member is deleted ──┴── plan withdrawn ◀───┴───────────┘           │
//	                            ▲                                              │
//	                            └───────────────── the bind failed ────────────┘
//
// Invariants: a gang has at most one open plan; no member is placed before every seat of its plan is reserved; a plan
// that is withdrawn gives all its reserved members back; a gang that is refused holds no seat at all.
package gang
