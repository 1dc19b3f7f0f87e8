// SPDX-License-Identifier: Apache-2.0

// Package node runs real Kubernetes nodes as processes of this machine: a [Node] is a containerd and a kubelet of their
// own. Several run at once, and each believes the machine to be its own: all have the machine's full shape.
//
//	Start   makes the node's cgroup and, inside it, starts Boot in a process of its own; returns at once
//	Boot    writes the configurations, starts containerd, then the kubelet
//	Destroy kills the cgroup and removes the node's folder
//
// What holds: everything a node starts, containers included, lives in the node's one cgroup, and everything it mounts in
// the node's one mount namespace, so killing the cgroup ends all of it and leaves nothing mounted. Nothing of the host
// is changed but the node's own folder and cgroups: the paths and kernel settings that containerd and the kubelet would
// write to elsewhere are the node's own copies in its namespace (see isolate).
package node
