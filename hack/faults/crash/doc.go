// SPDX-License-Identifier: Apache-2.0

// Package crash has every program die at every write that it makes, and checks that a restart alone puts everything right.
// The writes are the points of package crashpoint; [Points] lists them, and a test holds the list to the source.
package crash
