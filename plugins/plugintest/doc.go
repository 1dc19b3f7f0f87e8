// SPDX-License-Identifier: Apache-2.0

// Package plugintest runs the whole scheduler in tests. [Start] gives a scheduler with the built-in configuration over a
// fake API server in memory, for the rules; files with the build tag integration start a real etcd, kube-apiserver and
// kube-controller-manager and the real program, for latency and for its role.
package plugintest
