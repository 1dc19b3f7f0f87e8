// SPDX-License-Identifier: Apache-2.0

// Package fleet is the border to whatever machines come from: a cloud, a script of the admin's, KWOK's simulated nodes.
// Start with Fleet; every implementation passes the suite in fleettest.
//
// A fleet knows instances, not nodes: it starts machines that register themselves with given labels and taints, lists
// them, and ends them. It decides nothing and keeps no promises about time; callers run it in goroutines of their own. The
// methods of a Fleet are safe for concurrent use.
package fleet
