// SPDX-License-Identifier: Apache-2.0

// Package leaders takes leaders away. Its test, with the build tags integration and leaders, runs two replicas of batch-scheduler and two of
// batch-autoscaler, the real programs, on a real API server and a cloud that counts its instances, and has each program's
// leader end, hang, and lose its Lease while gangs wait and nodes are bought.
package leaders
