// SPDX-License-Identifier: Apache-2.0

package fleet

import "context"

// Examiner is a Fleet that can tell beforehand whether launches would go well. It changes nothing.
type Examiner interface {
	// Examine looks at what all launches need, and at what those of each environment need. What it finds wrong is no error.
	Examine(ctx context.Context, prospects []Prospect) []Finding
}

// Prospect is a launch that an environment would ask for.
type Prospect struct {
	LaunchRequest
	MaxvCPUs int // of the environment
}

// Finding is what became of looking at one thing.
type Finding struct {
	Subject string // what was looked at
	Problem string // what is wrong; empty if all is well
	Remedy  string // what to do about it; may be empty
	// Note says that the problem need not be one: nobody can tell, or it is only good to know.
	Note bool
}

// IsWrong reports whether something has to be done.
func (f *Finding) IsWrong() bool { return f.Problem != "" && !f.Note }
