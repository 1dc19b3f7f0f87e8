// SPDX-License-Identifier: Apache-2.0

// Package redistest starts real Redis servers on loopback for tests: one alone (Start), a master that Sentinels watch
// (StartSentinels) and a Redis Cluster (StartCluster). A Server can be killed, paused and started again; all end with the test.
package redistest
