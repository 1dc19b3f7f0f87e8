// SPDX-License-Identifier: Apache-2.0

// Package soletenant is the plugin that keeps nodes for one pod each: nodes with the label batchmeta.SoleTenant, which those of
// environments of the types FARGATE and FARGATE_SPOT have. Such a node takes one pod in all its life, whoever made the pod;
// what belongs to the node itself, pods of DaemonSets and mirror pods, does not count.
//
//	Filter   keeps pods off a node that has, or had, a tenant
//	PreBind  claims the node for the pod, before its Binding is written
//
// The claim is an annotation of the node, batchmeta.Tenant, written on the condition that the node has not changed since it
// was seen without one. So two schedulers, of which one does not know yet that it leads no more, cannot both give the node
// away, and nobody gives it away again when its pod is gone, whatever was restarted meanwhile. A claim is never taken back: a
// pod whose Binding fails may come again, and else the node ends unused.
//
// Start with [SoleTenant] and [Room], which package gangfit counts by.
package soletenant
