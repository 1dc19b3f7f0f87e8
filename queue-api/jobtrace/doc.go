// SPDX-License-Identifier: Apache-2.0

// Package jobtrace makes one OpenTelemetry trace of each job, across all programs. It is a leaf: every program imports it.
// Start with Start and Tracer.
//
//	job                                          queue-api, when it ends
//	├─ submit                                    queue-api
//	├─ dependencies                              queue-api, if it waited for other jobs
//	├─ queue wait                                queue-api, for each attempt
//	└─ attempt                                   queue-api, when it ends
//	   ├─ launch, node wait                      batch-autoscaler, if a node was bought for it
//	   ├─ schedule                               batch-scheduler
//	   ├─ image pull, run, log flush             queue-api
//	   └─ …                                      what the job's containers make of TRACEPARENT
//
// Nothing is stored for it. The ids of a trace and of its spans follow from the job's id: a job's trace is its id without the
// hyphens, a child's a digest of its own. So a program that was restarted, or another one, goes on with the same trace, and a
// span that is told of twice is the same one. A span is sent once it is over, with the times that the records have.
//
// A nil Tracer traces nothing and costs a comparison. Start gives one unless the environment names where traces go.
package jobtrace
