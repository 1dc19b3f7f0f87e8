// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/muster-batch/muster/hack/bench/ranges"
)

func TestRangesAreReadable(t *testing.T) {
	bounds, err := ranges.Read(rangesYAML)
	if err != nil {
		t.Fatal(err)
	}
	if got := bounds["plain rate"].String(); got != ">= 0.97" {
		t.Errorf("plain rate is bounded by %q", got)
	}
}
