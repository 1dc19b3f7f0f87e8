// SPDX-License-Identifier: Apache-2.0

// Package kwok is a fleet of simulated nodes: an instance is a Node object with the annotation by which a running KWOK
// takes care of it, makes it ready and pretends to run its pods. There is no machine behind it.
package kwok
