// SPDX-License-Identifier: Apache-2.0

// Package gangpack is the plugin that chooses among the nodes where a pod fits and binds the pod.
//
// Score packs: the fuller a node would be, the better, so that other nodes empty out and can be given back. Nodes with
// extended resources that the pod does not ask for, such as GPUs, come after all others: they are kept for work that asks.
// Bind writes the
// node's UID into the Binding's own metadata, from where the API server merges it into the pod's annotations: a container
// reads it through the downward API, and it costs no call of its own.
//
// Start with [GangPack]. Nothing here knows of gangs: a gang's plan goes by the same measures ([PerMille], [Unasked]), and its
// members come here with their nodes chosen.
package gangpack
