// SPDX-License-Identifier: Apache-2.0

package batch

// Place is where a job stands among the entries of its share that wait. The children of an array are one entry together,
// except those that are retried: each is one.
type Place struct {
	Ahead int
	Of    int // 0 for a job that does not wait
}
