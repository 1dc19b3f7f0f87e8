// SPDX-License-Identifier: Apache-2.0

// Package fresh keeps an answer for a moment, and has it made once for all who ask at the same time: what many pages ask for costs the
// store as much as one of them. Start with Answer.
//
// An answer is one for all callers, so what a caller may not see is taken out behind it, of a copy.
package fresh
