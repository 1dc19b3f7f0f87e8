// SPDX-License-Identifier: Apache-2.0

// Package machines is a fake EC2 whose instances become nodes of a real cluster, and the kubelets on them. Pods do not run,
// but each kubelet does all that one does about a pod, and writes in a ledger what it would have run, when, and how it ended.
// Start with Fleet.
package machines
