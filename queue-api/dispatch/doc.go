// SPDX-License-Identifier: Apache-2.0

// Package dispatch admits: it turns waiting jobs into pods while the budgets of their compute environments last. Start with
// Dispatcher. Only a leader dispatches; its store refuses the writes of an earlier one.
//
// A round reads queues, environments and what is under way, lets package fairshare decide, records each admission and then
// makes its pod. Names of pods are derived from job and attempt: a round that was cut short is finished by the next one,
// by Ensure, without a second pod.
//
// Resources moves queues and environments along: a new environment becomes VALID, one that is being deleted goes when its
// nodes are gone, a queue that is being deleted takes its jobs with it.
package dispatch
