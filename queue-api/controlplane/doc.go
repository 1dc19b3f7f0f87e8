// SPDX-License-Identifier: Apache-2.0

// Package controlplane is the operations of the AWS Batch API over small store interfaces: what AWS Batch accepts and
// refuses, in its words, and what it answers. Start with Service; each operation is a method of the same name. Follow a
// job through SubmitJob (submit.go), DescribeJobs (describe.go) and TerminateJob (stop.go).
//
// A request is checked as a whole before anything is stored: an operation that fails changed nothing. What the caller did
// wrong is a *batch.Error that names the member and the rule; every other error is the server's. Requests have passed
// their own Validate: what the model says (required members, enums, bounds) is not checked again.
//
// Where a self-hosted server should not be as strict as AWS Batch, this package is lenient, and only here:
//   - A compute environment needs no subnets, securityGroupIds, instanceRole, serviceRole or allocationStrategy: only EC2
//     needs them. Names of instance types are the fleet's business; only their form is checked.
//   - UpdateComputeEnvironment, CreateJobQueue and the deletions do not insist on the status VALID: a script need not wait
//     between its steps. An environment without eksConfiguration runs its pods in the server's own namespace.
//   - computeResources of an UNMANAGED environment are ignored, as AWS Batch does.
//   - maxResults next to names is ignored; propagateTags is accepted on every definition.
//   - Nothing limits how many environments, queues, policies and consumable resources there are.
//
// Where nobody could say what AWS Batch does, of resources:
//   - What is changed or deleted and does not exist is a ClientException with "does not exist"; what is read is left out.
//   - The action of a time limit is CANCEL; TERMINATE, which the model also has, is refused.
//   - A consumable resource remembers the last 1,000 client tokens of 8 hours. Quantities end at 2^53-1, where JSON does.
//   - GetJobQueueSnapshot shows first what was admitted and has no node yet, then what the dispatcher would take next if
//     everything fitted. earliestTimeAtPosition is when the job began to wait, was last found blocked, or was admitted.
//
// Where nobody could say what AWS Batch does, of jobs:
//   - A job that does not run always says why: dispatcher and podwatch store the codes of the head of a queue and the
//     autoscaler's last word; for any other job, and for those of a paused queue, package explain makes a sentence, of what is
//     looked up here (reasons.go). ListJobs makes none. ExplainJob and SimulateJob are ours.
//   - A dependency that no store knows, expired ones too, is refused; so is a node, and N_TO_N between sizes that differ.
//   - A FIFO queue's jobs have no scheduling priority: an override is checked and dropped.
//   - statusSummaryLastUpdatedAt is the time of the reply: counts are exact; of an array that ended it is stoppedAt.
//   - A node that is stopped because the main node ended has the job's status and no exit code. Nodes, as children, have
//     no tags of their own; cancelling or terminating one means its job.
//   - Consumable resources are shown by ARN, those of a multi-node job added up over its nodes.
//   - CancelJobs and TerminateJobs refuse more than 50 jobs as a whole.
//
// It never touches Kubernetes or Redis and does not change a job but through lifecycle.Step, its tags excepted.
package controlplane
