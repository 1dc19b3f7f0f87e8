// SPDX-License-Identifier: Apache-2.0

// Package termtest runs programs on a terminal, for tests of what only happens on one: colours, lines that are written over, keys,
// questions, hidden input. Start with Terminal, a pseudo-terminal that a program runs on and a test types at, then Screen, what its
// user sees.
//
// A Screen knows the few sequences that our programs use. One that it does not know is kept, and a test can say that there was none:
// what a tenant wrote must not reach a terminal as a sequence.
package termtest
