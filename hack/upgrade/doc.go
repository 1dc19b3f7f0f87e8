// SPDX-License-Identifier: Apache-2.0

// Package upgrade replaces queue-api by another version of itself while 10,000 jobs live: the previous version by this one, this
// one by the previous, and that by this one again, on one Redis and one API server, with the roles and policies that belong to
// each. No job is lost, and none runs twice.
//
// The previous version is built from the checkout's history: that of the newest tag v* before this commit, else the commit that
// the file previous names; MUSTER_PREVIOUS names another. A shallow clone fetches it. It has tests alone, behind the tags integration
// and upgrade; make faults ALL=1 runs them.
package upgrade
