// SPDX-License-Identifier: Apache-2.0

package seeds

import (
	"slices"
	"testing"
)

func TestFrom(t *testing.T) {
	t.Setenv(first, "")
	t.Setenv("MUSTER_CASES", "")
	if got := From(t, "MUSTER_CASES", 2); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("seeds of two cases by default: %v", got)
	}
	t.Setenv(first, "7")
	t.Setenv("MUSTER_CASES", "3")
	if got := From(t, "MUSTER_CASES", 2); !slices.Equal(got, []uint64{7, 8, 9}) {
		t.Errorf("seeds of three cases from the seventh on: %v", got)
	}
	if got, want := Again("MUSTER_CASES", 8), "MUSTER_SEED=8 MUSTER_CASES=1 plays it again"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}
