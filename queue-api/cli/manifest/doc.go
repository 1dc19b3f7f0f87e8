// SPDX-License-Identifier: Apache-2.0

// Package manifest keeps what muster apply -f is given: documents in YAML or JSON that say how a compute environment, job queue,
// job definition, scheduling policy or consumable resource is to be. A document is a kind and the members that AWS Batch gives
// the request that creates it:
//
//	kind: JobQueue
//	jobQueueName: research
//	priority: 10
//	computeEnvironmentOrder: [{order: 1, computeEnvironment: pool}]
//
// Start with Read, Kinds and Planner. Plan compares a document with what the server has and gives a Step: what differs, and the
// calls that make it so. A member that a document does not name stays as it is, but for job definitions, whose revisions are
// whole: a new one is registered if anything differs. What the server shows and nobody can set (status, ARNs) may stand in a
// document and is left out, so that what Of makes of an answer can be applied again.
//
// Everything is JSON values here (maps, lists, strings, json.Number), held to the structs of awsapi; what the service's rules
// are, the server says.
package manifest
