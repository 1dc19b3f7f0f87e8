// SPDX-License-Identifier: Apache-2.0

// Package flock lets one process at a time do something. The kernel releases a lock when its holder ends, however it ends.
package flock
