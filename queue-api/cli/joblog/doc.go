// SPDX-License-Identifier: Apache-2.0

// Package joblog reads the logs of jobs: which streams a job has (Streams), and what is in one of them, from a time on, the last lines
// only, or as it grows (Tail). The kubelet's log and the archive are one to the server, and so to this package.
package joblog
