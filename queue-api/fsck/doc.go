// SPDX-License-Identifier: Apache-2.0

// Package fsck checks what is stored, always and beside all other work, and repairs what can be repaired. Start with Checker.
// Only a leader checks.
//
// A pass looks at every record and every entry of every index (package redisstore, Audit). It works for a part of the time
// and rests for the others, so that its cost is bounded by the time that it may take of Redis, whatever is stored; how long a
// pass takes follows from that. What it finds is counted by the metric muster_invariant_violations_total, which must stay 0,
// and logged.
package fsck
