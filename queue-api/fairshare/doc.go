// SPDX-License-Identifier: Apache-2.0

// Package fairshare decides in which order a queue's waiting jobs are admitted and which compute environment each gets.
// It is pure. Start with Admit.
//
// A queue without a scheduling policy is first in, first out with a strict head: a job that does not fit now keeps the
// jobs behind it waiting, so that a large job is not overtaken for ever. A job that could never fit is told so and holds
// nobody up.
package fairshare
