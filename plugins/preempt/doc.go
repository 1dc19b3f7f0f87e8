// SPDX-License-Identifier: Apache-2.0

// Package preempt chooses which running work is ended so that a gang gets room: start with [Choose]. What may be ended is
// [Work], always as a whole: a gang, or a pod of no gang. Whether one may take another's room at all is
// gang.Order.MayPreempt.
//
// A choice is judged, in this order, by:
//
//  1. how much of it is guarded: ended against a disruption budget
//  2. its best work: the lower its level the better
//  3. how many pods end
//  4. how long its oldest work has been running: the younger the better
//
// As in kube-scheduler's own preemption all that may be ended is taken away first. If the gang does not fit then, nobody is
// harmed; else the best-ranked and the oldest are given back as long as the gang still fits. So 1 and 2 are met exactly where
// guards do not compete, no member of a choice is there in vain, and 3 is met nearly always (a test says how nearly).
//
// The package is pure: no I/O, no clock, no logger, nothing of kube-scheduler.
package preempt
