// SPDX-License-Identifier: Apache-2.0

// Package reports reads what the autoscaler reports of managed compute environments: a ConfigMap for each, whose keys are
// in batchmeta. Start with Watcher. It watches one Kubernetes cluster, in one namespace, and decides nothing.
package reports
