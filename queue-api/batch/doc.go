// SPDX-License-Identifier: Apache-2.0

// Package batch is the vocabulary of the house: jobs, job definitions, job queues, compute environments, their statuses,
// ids, ARNs and errors, in AWS Batch's words. Start with Job, JobDefinition, JobQueue and ComputeEnvironment.
//
// It is a leaf: standard library only, no I/O, no clock. Property documents that only podspec understands
// (containerProperties, eksProperties, computeResources) are kept as the JSON that was sent, so that they are echoed value
// for value.
package batch
