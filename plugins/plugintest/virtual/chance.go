// SPDX-License-Identifier: Apache-2.0

package virtual

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// chance draws from a seed and from what the draw is for: the same again whatever was drawn before.
type chance uint64

// of returns the source for what the words name.
func (c chance) of(words ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, words...)
	return rand.New(rand.NewPCG(uint64(c), h.Sum64()))
}

// upTo returns a duration of at most limit.
func (c chance) upTo(limit time.Duration, words ...any) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(c.of(words...).Int64N(int64(limit) + 1))
}
