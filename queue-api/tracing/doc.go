// SPDX-License-Identifier: Apache-2.0

// Package tracing sends queue-api's spans of jobs: what the store's changes of a job, and its pods, say of where its time
// went. Start with Jobs. Package jobtrace has the shape of a trace.
package tracing
