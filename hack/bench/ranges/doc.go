// SPDX-License-Identifier: Apache-2.0

// Package ranges holds what benchmarks measure against what they must reach: a file of bounds by name, and a report that fails
// when a figure misses its bound. Start with [Read] and [Results].
package ranges
