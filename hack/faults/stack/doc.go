// SPDX-License-Identifier: Apache-2.0

// Package stack is Muster with all that it stands on, as processes that can be killed, stopped and cut off: Redis, etcd and
// kube-apiserver of a local cluster, and two replicas of each of the three programs, each behind cables of its own. Whatever
// ends is started again, as a kubelet would. Start with Up and Process.
package stack
