// SPDX-License-Identifier: Apache-2.0

// Package progress shows what is going on: one line per step with the time it took. On a terminal the lines of running
// steps are redrawn in place; elsewhere a step is a line when it is done, and one now and then while it takes long.
package progress
