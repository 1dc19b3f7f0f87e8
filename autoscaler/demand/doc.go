// SPDX-License-Identifier: Apache-2.0

// Package demand counts what is wanted: pending Batch pods by shape and by gang, kept up to date by the pod informer's
// events, so that a loop looks at shapes and never at pods. Start with Index (the counts) and Source (the border to
// cluster-autoscaler).
//
// A pod counts when batch-scheduler is to place it, it is not bound yet, and it asks for nodes of a compute environment by
// the label batchmeta.ComputeEnvironmentUUID. A gang counts when enough of its members exist to start it.
package demand
