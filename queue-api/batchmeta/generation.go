// SPDX-License-Identifier: Apache-2.0

package batchmeta

import "strconv"

// Tags that queue-api shows of a compute environment after an infrastructure update, for the autoscaler. No user can set
// tags that begin with aws:, and tools that manage environments leave them out of what they compare.
const (
	// GenerationTag is the generation of the environment's infrastructure; absent while it is the first.
	GenerationTag = "aws:muster:generation"
	// ImageGenerationTag is the generation that was the last to take up the newest machine image; absent while it is the first.
	ImageGenerationTag = "aws:muster:image-generation"
)

// IsOutdated reports whether a node with this value of the label Generation is of an older generation than the present one.
// Of a value that is no number nothing is known: the node counts as one of the present.
func IsOutdated(label string, generation int) bool {
	n, err := strconv.Atoi(label)
	return err == nil && n < generation
}
