// SPDX-License-Identifier: Apache-2.0

// Package explain says why a job is where it is: the one text that statusReason, the explanation of a job and what is made of
// them have. Start with Facts: Facts.StatusReason is the sentence, Facts.Explain all that can be said beside it.
//
// What a job waits for is looked at in the order in which it would stop the job: its queue, what dispatcher, watcher and
// autoscaler stored, its environments, what it needs, its turn. The first obstacle gives the Code. Codes are stable; the table in
// codes.go says what each means and what to do, and docs/explain.md is made of it.
//
// Reasons that AWS Batch has are in its words, which clients compare, and stay as they were stored; a code may be finer than they
// are. An estimate is made only of what was seen lately, else it is unknown, with the reason.
//
// The package is pure: no I/O, no clock, no logger. What it is given of tenants' words it passes on as data.
package explain
