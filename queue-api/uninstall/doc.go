// SPDX-License-Identifier: Apache-2.0

// Package uninstall makes an installation fit to be deleted: it ends the jobs, has every node given back, and frees the pods
// that nobody will settle any more. Start with Uninstaller.
//
//	queues DISABLED ─► deleted ─► environments DISABLED ─► deleted ─► no instance left ─► pods freed
//	          (queue-api ends their jobs)          (batch-autoscaler ends their nodes)
//
// Jobs and nodes are ended by those whose they are, over the Batch API, so that the whole of it works with every fleet and takes no
// credentials of a cloud. Each step looks at what is there now: it may be broken off and begun again.
package uninstall
