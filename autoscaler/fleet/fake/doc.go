// SPDX-License-Identifier: Apache-2.0

// Package fake is a fleet in memory, for tests: stock that runs out, launches that fail or wait until they are let go.
package fake
