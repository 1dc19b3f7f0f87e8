// SPDX-License-Identifier: Apache-2.0

// batch-node-notices runs on each node of EC2, as a DaemonSet, where the queue of EventBridge's events is not wanted: it asks
// the instance's metadata service what EC2 announces of it, and marks its own node as batch-autoscaler would.
// manifests/components/node-notices installs it.
package main
