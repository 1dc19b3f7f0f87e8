// SPDX-License-Identifier: Apache-2.0

// Package kubetest runs a real etcd, kube-apiserver and kube-controller-manager on loopback for tests with the build tag
// integration, and programs beside them. The binaries are those that the project builds and caches. There is no kubelet:
// nodes are whatever a test writes.
package kubetest
