// SPDX-License-Identifier: Apache-2.0

package batch

// DependencyType says how an array waits.
type DependencyType string

// The types. A dependency without a type makes the whole job, every child of an array, wait for the whole other job.
const (
	// DependencyNToN makes child i of an array wait for child i of the other array, of the same size.
	DependencyNToN DependencyType = "N_TO_N"
	// DependencySequential makes child i+1 of an array wait for its child i; it names no job.
	DependencySequential DependencyType = "SEQUENTIAL"
)

// Dependency is one entry of SubmitJob's dependsOn.
type Dependency struct {
	JobID string // of a job or of an array's child; empty for SEQUENTIAL
	Type  DependencyType
}

// Dependent is a job that waits for another.
type Dependent struct {
	ID   string         // of the job that waits
	Type DependencyType // empty, or DependencyNToN: then ID is an array's
}

// Settled marks a job, a child or an array that something happened to whose consequences for others were not drawn yet.
type Settled struct {
	ID   string
	Mark int64 // orders the marks of one queue; an id that is marked again gets a later one
}
