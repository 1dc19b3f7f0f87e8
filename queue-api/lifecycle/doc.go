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
//	    │                   │                │                     RUNNABLE◄┘
//	    └─── Cancelled ─────┴── Ended ───────┴────────────────────────────────────► FAILED
//
// The legal moves are the table moves; a test holds this text and the table together. An event of an attempt that has
// ended already changes nothing: a repeat is harmless. Nothing leaves SUCCEEDED or FAILED.
package lifecycle
