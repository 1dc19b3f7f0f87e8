// SPDX-License-Identifier: Apache-2.0

// Package lifecycle is the state machine of a job: Step takes a job and an event and gives the job that follows and the
// effects to carry out. It is pure: no I/O, no clock, no logger. Start with Step and Event.
//
//	            Admitted, Withdrawn, Blocked
//	                   ┌────┐
//	                   ▼    │
//	SUBMITTED ──────► RUNNABLE ──Bound──► STARTING ──Started──► RUNNING ──Ended──► SUCCEEDED
//	    │                ▲  │                │ │                  │ │
//	    ▼                │  │                │ │                  │ └─────Ended──► FAILED
//	 PENDING ────────────┘  │                │ └──Ended, a retry is due──┐  │
//	    │ DependencyEnded   │                │                     RUNNABLE◄┘
//	    └─ Cancelled, ──────┴── Ended ───────┴────────────────────────────────────► FAILED
//	       DependencyEnded
//
// An array's parent has children instead of attempts: it stays PENDING until ChildrenEnded makes it SUCCEEDED or FAILED.
// Stopping it, or the failure of its dependency, sets Rest: all children that have no record of their own end with it.
//
// A multi-node job is one job with a pod a node. Events of its main node move the job; those of any other node change only
// that node's part of the attempt. When the main node ends the attempt is over, and the other nodes are stopped. A job may
// ask for more when another node is lost: to be restarted, or to have the node replaced (loss.go).
//
// The legal moves are the tables moves and arrayMoves; a test holds this text and the tables together. An event of an
// attempt that has ended already changes nothing: a repeat is harmless. Nothing leaves SUCCEEDED or FAILED.
package lifecycle
