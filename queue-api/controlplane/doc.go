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
//   - Nothing limits how many environments and queues there are.
//
// What later versions will run is refused by name: array, multi-node and dependent jobs, fair share, ecsProperties,
// consumable resources, Fargate and managed instances.
//
// It never touches Kubernetes or Redis and does not change a job but through lifecycle.Step.
package controlplane
