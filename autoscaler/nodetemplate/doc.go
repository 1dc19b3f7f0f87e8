// SPDX-License-Identifier: Apache-2.0

// Package nodetemplate draws the node that an instance will become: its labels, taints, capacity and allocatable, from an
// environment and an instance type. The provider predicts nodes with it before it buys them, and fleet/kwok makes its
// simulated nodes with it, so the two cannot disagree. Start with Spec and Node.
//
// It is pure: no I/O, no clock.
package nodetemplate
