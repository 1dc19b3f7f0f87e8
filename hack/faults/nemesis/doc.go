// SPDX-License-Identifier: Apache-2.0

// Package nemesis attacks a stack and its machines. What it does, to whom, when and for how long follows from a seed alone;
// the log says it in words. Start with Nemesis.
package nemesis
