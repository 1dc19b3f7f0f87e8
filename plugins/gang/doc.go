// SPDX-License-Identifier: Apache-2.0

// Package gang knows which pods form a gang, where each gang stands, and what its next scheduling cycle is to do. It is
// the pure core of the scheduler's gang plugins: it is told of pods and of plans and answers from memory, with no I/O,
// no clock, no logger and nothing of kube-scheduler. All it knows is rebuilt from the pods alone after a restart.
//
// Start with [Ledger], [Turn] and [Plan]. [Order] is a pod's place in the scheduling queue.
//
// A gang is the set of live pods (not terminating, not finished, not gated) of one namespace that share the label
// batchmeta.Gang or batchmeta.PodGroup. A gang's way through the ledger:
//
//	      all members exist,            its turn                    the last seat
//	      or one is bound               finds room                  is reserved
//	held ───────────────────▶ in line ─────────────▶ planned ────────────────▶ placed ──▶ bound
//	 ▲                          ▲   │ its turn          │                        │
//	 ├── a member is deleted ───┤   │ finds none        │ withdrawn              │
//	 │                          │   ▼                   │                        │
//	 │    an event may help     └─ refused ◀────────────┴──── a bind failed ─────┘
//	 │                              │
//	 └──────────────────────────────┘
//
// Gangs take turns (line.go). Of those in line the first is admitted: one of its members, the leader, may enter the
// scheduling queue, and its cycle plans for all. Once there is a plan, every member with a seat in it may enter. The rest of
// a gang that has started, and what an elastic gang left out, get in line again.
//
// A gang that is refused sleeps until an event may help it (refusal.go). Those behind it are refused on the same snapshot
// without a cycle of their own. kube-scheduler tells of events only pods that it has tried; so such pods, the watchers, hear
// of them for all refused gangs, and when the last watcher is gone all get in line again.
//
// Invariants: a gang has at most one open plan; no member is placed before every seat of its plan is reserved; a plan
// that is withdrawn gives all its reserved members back; a gang that is refused holds no seat at all.
package gang
