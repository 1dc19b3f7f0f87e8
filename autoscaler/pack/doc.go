// SPDX-License-Identifier: Apache-2.0

// Package pack decides which nodes to buy: it puts pods, counted by shape, on the nodes that exist or are on their way, and
// buys nodes for the rest, first-fit-decreasing, within each environment's vCPUs. A demand that must be served whole (a
// gang) is placed and bought for wholly or costs nothing. Start with Problem and Solve.
//
// Who was given nodes that are on their way is remembered as Holds, which the next Solve takes back: such a node keeps its
// pods until they are bound, so that looking twice never buys twice. A gang that cannot be completed any more loses what it
// held to those behind it. A gang that takes several launches is bought one after the other, the riskiest first.
//
// It is pure: no I/O, no clock, no Kubernetes. The work grows with shapes and nodes, not with pods.
package pack
