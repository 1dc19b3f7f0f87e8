// SPDX-License-Identifier: Apache-2.0

package seeds

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// first is the environment variable that names the first seed.
const first = "MUSTER_SEED"

// From returns the seeds of as many cases as the variable says, or else the default. None at all would prove nothing.
func From(tb testing.TB, variable string, otherwise uint64) []uint64 {
	tb.Helper()
	count, seed := number(tb, variable, otherwise), number(tb, first, 1)
	if count == 0 {
		tb.Fatalf("%s: no case, no proof", variable)
	}
	all := make([]uint64, count)
	for i := range all {
		all[i] = seed + uint64(i)
	}
	return all
}

func number(tb testing.TB, variable string, otherwise uint64) uint64 {
	tb.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		tb.Fatalf("%s: %v", variable, err)
	}
	return n
}

// Again tells how the case of a seed is played again, alone.
func Again(variable string, seed uint64) string {
	return fmt.Sprintf("%s=%d %s=1 plays it again", first, seed, variable)
}
