// SPDX-License-Identifier: Apache-2.0

// Command demo shows the whole of Muster once, on this machine: it brings a local cluster up (see hack/localcluster),
// creates a compute environment, a job queue and a job definition, submits a job and follows it until it has ended, lets an
// array and a gang follow, sees the nodes go again if they come from EC2, and prints what the job itself printed, when what
// happened, and how to go on. It leaves everything running.
//
// Its own part is that of a user: it speaks to the Batch API with AWS's SDK, and to Kubernetes to see what goes on behind.
package main
