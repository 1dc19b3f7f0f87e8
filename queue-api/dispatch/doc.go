// SPDX-License-Identifier: Apache-2.0

// Package dispatch admits: it turns waiting jobs into pods while the budgets of their compute environments last. Start with
// Dispatcher. Only a leader dispatches; its store refuses the writes of an earlier one.
//
// A round reads queues, environments and what is under way, then makes a plan for each queue, highest priority first, and
// carries it out: each admission is recorded, then its pods are made, one, or one for each node of a multi-node job. Names
// of pods are derived from job and attempt: a round that was cut short is finished by the next one, by Ensure, without a
// second pod. Package fairshare decides; a plan adds what a decision needs to know:
//
//   - Environments are tried in the queue's order. A job for which no node can be launched where it was admitted is
//     withdrawn and tried in the next one, each once in a time of back-off (capacity.go). Multi-node jobs go neither to
//     UNMANAGED nor to Spot environments, and stay where they were admitted.
//   - An environment's cluster is where its pods are made (clusters.go). While it does not answer, the environment takes nothing
//     and what was admitted there stays: only the cluster itself can say that a pod is not there. A job goes to another cluster
//     only if its pods cannot have been made.
//   - Consumable resources are taken before a job is admitted, all of them or none. A job that finds too little waits, and
//     so do the jobs of its queue behind it that need the same; all others go on (consumables.go).
//   - A queue whose jobs may preempt is admitted, in managed environments, to what queues of lower priority hold there
//     besides: the scheduler takes it from them, and until it has, more is admitted than maxvCpus. Nodes are not (round.go).
//   - The use of shares is kept in a ledger, which the store keeps for the next leader (shares.go).
//   - Of a paused queue (batchmeta.QueuePaused) nothing is admitted; what was admitted goes on. Estimates are made of how many
//     jobs of a queue were admitted in each minute, which the store keeps (pace.go).
//   - What a blocked job is told, and when a time limit of its queue cancels it (plan.go). A head that only waits for room
//     is told nothing: why it waits is worked out when somebody asks.
//
// A round costs two calls of the store, and for each queue one for its usage and one for its head; then one for each queue of
// which jobs are admitted, whose environments may have been disabled since, one for each job that is admitted and one for a
// page of up to 256. How many jobs wait does not matter. Jobs that are passed over, because they wait for something of their
// own, are bounded in each round and reached in turns (sweep.go).
//
// Resources moves queues and environments along: a new environment becomes VALID, one that is being deleted goes when no
// attempt is in it and its nodes are gone, a queue that is being deleted takes its jobs with it and goes when all have ended
// and everybody who waits for one was told.
package dispatch
