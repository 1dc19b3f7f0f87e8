// SPDX-License-Identifier: Apache-2.0

// Package gangpack is the plugin that chooses among the nodes where a pod fits and binds the pod.
//
// Score packs: the fuller a node would be, the better, so that other nodes empty out and can be given back. Bind writes the
// node's UID into the Binding's own metadata, from where the API server merges it into the pod's annotations: a container
// reads it through the downward API, and it costs no call of its own.
//
// Start with [GangPack]. Nothing here knows of gangs; the gang's plan uses the same scores as a single pod.
package gangpack
