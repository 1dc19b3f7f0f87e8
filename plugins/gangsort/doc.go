// SPDX-License-Identifier: Apache-2.0

// Package gangsort is the QueueSort plugin: which pending pod the scheduler tries next. Pods that the queue API admitted
// go by their rank, pods that users made by priority and age, and the members of a gang stand together. The comparison
// itself is gang.Order; the plugin only asks for it, so Less touches memory alone.
//
// It may not look at the clock or the cluster: a pod's key must not change while the pod is queued.
package gangsort
