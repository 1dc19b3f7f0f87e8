// SPDX-License-Identifier: Apache-2.0

// Package envhealth judges managed compute environments by what becomes of their launches, as AWS Batch does. Start with
// Tracker and Verdict.
//
//	          a launch is refused for what the environment asks for, or for a missing right;
//	          none of the instances joins the cluster
//	VALID ─────────────────────────────────────────────────────────────────────────────────► INVALID
//	  ▲  ▲          the environment is changed; an instance joins                              │  ▲
//	  │  └─────────────────────────────────────────────────────────────────────────────────────┤  │
//	  │                              a time of back-off is over                                │  │ it fails again
//	  └──────────────────── VALID, on trial ◄──────────────────────────────────────────────────┘──┘
//	       it goes well
//
// What was refused is mended by a launch, and what did not join by an instance that does, and both by a change of the
// environment. Want of machines leaves an environment VALID: it is its reason for as long as no launch succeeds. On trial,
// one instance is launched and waited for before another, so that a lasting fault costs little.
//
// The package does no I/O; callers tell it what happened, and ask.
package envhealth
