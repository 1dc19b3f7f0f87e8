// SPDX-License-Identifier: Apache-2.0

package batchmeta

// IsPaused reports whether a queue with these tags is paused.
func IsPaused(tags map[string]string) bool { return tags[QueuePaused] == QueuePausedTrue }
