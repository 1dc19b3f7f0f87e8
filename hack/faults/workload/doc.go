// SPDX-License-Identifier: Apache-2.0

// Package workload is the users of a cluster under attack: with AWS's own SDK they submit jobs of every kind, cancel and
// terminate some, repeat what they are not sure of, and remember what they were told. Start with Users.
package workload
