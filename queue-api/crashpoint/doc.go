// SPDX-License-Identifier: Apache-2.0

// Package crashpoint names every write to Redis, to Kubernetes and to the fleet, so that a test can have a program die just
// before or just after any of them. [Around] is all there is to it:
//
//	err := crashpoint.Around("pods/create", func() error { return create(ctx, pod) })
//
// Without the build tag crashpoints it is the bare call, which the compiler inlines. With it, the environment variable
// MUSTER_CRASH_FILE names a file; while that holds "pods/create before 3", the third such write from then on is not made, as
// the process exits at once with code 137; with "after", the write is made and nothing that follows it. A test in the same
// process has Die called instead.
//
// The list of all points, which a test holds to the source, is with the test that has the programs die: hack/faults/crash.
// It is a leaf: it knows only the standard library, and all three programs may import it.
package crashpoint

// Point is the name of a write: what is written to, a slash, and what is done.
type Point string

// The moments of a write at which a process can die.
const (
	Before = "before"
	After  = "after"
)
