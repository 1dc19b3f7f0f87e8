// SPDX-License-Identifier: Apache-2.0

// Package consoletest runs the console over the whole Batch API and the reference store, in one process, for tests that look at it
// with a browser: World, in which jobs move on as the test says, and Seed, which fills it.
package consoletest
