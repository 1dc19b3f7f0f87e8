// SPDX-License-Identifier: Apache-2.0

// Package room finds when and where a gang that does not fit now is going to fit, from when the running work ends. It is the
// pure core of what keeps large gangs from starving: while room is kept on those nodes, small work that comes later cannot
// fill every gap that opens. It knows nothing of kube-scheduler and has no clock: the time is an argument.
//
// Start with [Find]. It is the reservation of EASY backfill, made for one gang: the earliest time at which, everything that
// is known to end by then having ended, all the gang's members fit. Of the ways to seat them then it takes one that waits
// for few ends, because work mostly ends before its time limit, and the gang then starts earlier. Work of which nobody
// knows when it ends is waited for last; if the gang needs that, its time is not known either.
//
// Which later work may use the room meanwhile is for the caller to say: what is over by [Plan].At does not delay the gang.
package room
