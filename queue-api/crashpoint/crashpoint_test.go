// SPDX-License-Identifier: Apache-2.0

package crashpoint_test

import (
	"errors"
	"testing"

	"github.com/muster-batch/muster/queue-api/crashpoint"
)

func TestAroundMakesTheWriteAndNoMore(t *testing.T) {
	want := errors.New("refused")
	writes := 0
	got := crashpoint.Around("redis/submit", func() error {
		writes++
		return want
	})
	if writes != 1 || !errors.Is(got, want) {
		t.Errorf("%d writes, error %v", writes, got)
	}
	cost := testing.AllocsPerRun(100, func() { _ = crashpoint.Around("redis/submit", func() error { return nil }) })
	if cost != 0 {
		t.Errorf("a point costs %v allocations", cost)
	}
}
