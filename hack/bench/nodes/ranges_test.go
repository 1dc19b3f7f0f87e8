// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/muster-batch/muster/hack/bench/ranges"
)

func TestEveryBoundIsMeasuredInAWholeRun(t *testing.T) {
	t.Parallel()
	bounds, err := ranges.Read(rangesYAML)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{bounds: bounds}
	b.add("stranded ratio", 20, "")
	b.add("misbought", 0.6, "")
	b.add("nodes", 1e9, "") // no bound
	var out strings.Builder
	if err := b.results.Report(&out, bounds, false); err == nil || err.Error() != "1 figures missed" {
		t.Errorf("error = %v, want one figure missed\n%s", err, &out)
	}
	if err := b.results.Report(&out, bounds, true); err == nil || err.Error() != "8 figures missed" {
		t.Errorf("error = %v, want what was not measured missed, too\n%s", err, &out)
	}
}

func TestFiguresOf(t *testing.T) {
	t.Parallel()
	got := figuresOf("    sweep_test.go:40: figure \"sweep nodes\" 12\nPASS\nBenchmarkDecide-2   \t1\t1500000000 ns/op\n")
	if len(got) != 2 || got[0] != (figure{"sweep nodes", 12, ""}) || got[1].name != "decide" || got[1].value != 1.5 {
		t.Errorf("figures = %+v", got)
	}
}
