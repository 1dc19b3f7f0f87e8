// SPDX-License-Identifier: Apache-2.0

// Command queue-api answers the AWS Batch API on Redis, turns runnable jobs into pods and what happens to the pods into
// the jobs' states. It reads its flags, joins the parts and runs them; the parts know each other only through the
// interfaces they declare.
//
// The leader works with the cluster that it is in, its home, and with those that are registered (clusters.go): each has its own
// view of its pods and its own watcher (member.go).
//
// Every replica answers the API. One of them, the holder of a Lease, dispatches and settles. Redis and the API server may
// come and go: calls fail meanwhile with a ServerException, waiting jobs wait, running pods run.
package main
