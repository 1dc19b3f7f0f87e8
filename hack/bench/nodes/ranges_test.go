// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	t.Parallel()
	bounds, err := readRanges(rangesYAML)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		figures []figure
		whole   bool
		want    string // in the error; empty for none
	}{
		"figures within their bounds":          {figures: []figure{{"stranded ratio", 20, ""}, {"misbought", 0.5, ""}}},
		"a figure that misses its bound":       {figures: []figure{{"stranded ratio", 19, ""}, {"misbought", 0.6, ""}}, want: "2 figures missed"},
		"a figure without a bound":             {figures: []figure{{"nodes", 1e9, ""}}},
		"a whole run must measure every bound": {whole: true, want: "9 figures missed"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := report(&out, tc.figures, bounds, tc.whole)
			if (err == nil) != (tc.want == "") || err != nil && err.Error() != tc.want {
				t.Errorf("error = %v, want %q\n%s", err, tc.want, &out)
			}
		})
	}
}

func TestFiguresOf(t *testing.T) {
	t.Parallel()
	got := figuresOf("    sweep_test.go:40: figure \"sweep nodes\" 12\nPASS\nBenchmarkDecide-2   \t1\t1500000000 ns/op\n")
	if len(got) != 2 || got[0] != (figure{"sweep nodes", 12, ""}) || got[1].name != "decide" || got[1].value != 1.5 {
		t.Errorf("figures = %+v", got)
	}
}
