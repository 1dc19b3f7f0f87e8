// SPDX-License-Identifier: Apache-2.0

// Package batchmeta names every label, annotation, taint and finalizer that Muster's three programs put on pods and
// nodes. The keys are one of the two contracts between the programs (the other is the Batch API): each key has one
// writer and is documented with its readers. Keys under batch.amazonaws.com are AWS Batch's own, so that DaemonSets,
// dashboards and scripts made for AWS Batch on EKS work unchanged.
//
// The package is a leaf: it imports nothing and does nothing.
package batchmeta
