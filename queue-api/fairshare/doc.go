// SPDX-License-Identifier: Apache-2.0

// Package fairshare decides in which order a queue's waiting jobs are admitted and which compute environment each gets.
// It is pure. Start with Admit and Order.
//
// A queue without a scheduling policy is first in, first out with a strict head: a job that does not fit now keeps the
// jobs behind it waiting, so that a large job is not overtaken for ever. Options.Backfill lets a bounded number overtake it
// for a bounded time. A job that could never fit is told so and holds nobody up, and neither does one that is short of a
// consumable resource.
//
// A fair-share queue gives its next job to the share with the lowest use: the sum of what the share runs and of what it ran
// lately, which a Ledger remembers, times its weight factor. Inside a share the store's order holds. The head is strict here,
// too. The compute reservation of the Policy keeps vCPUs free for shares that are not active yet.
//
// One round of a queue:
//
//	ledger.Advance(now, running, policy.Tau())
//	forget(ledger.Idle(shares, isWaiting, policy.Window))
//	usable := policy.Usable(budgets, running, activeShares)
//	order := NewFairShare(waitingShares, ledger, running, policy, fetch)
//	verdicts, head, err := Admit(order, budgets, Options{Limit: 500, Usable: usable, Take: take, Head: head, Now: now})
package fairshare
