// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestRangesAreReadable(t *testing.T) {
	bounds, err := readRanges(rangesYAML)
	if err != nil {
		t.Fatal(err)
	}
	if got := bounds["plain rate"].String(); got != ">= 0.97" {
		t.Errorf("plain rate is bounded by %q", got)
	}
}

func TestReadRangesRefuses(t *testing.T) {
	cases := map[string]string{
		"a field that it does not know":  "- {name: a, atLast: 1}",
		"a bound without a name":         "- {atLeast: 1}",
		"a name without a bound":         "- {name: a}",
		"both bounds":                    "- {name: a, atLeast: 1, atMost: 2}",
		"the same name a second time":    "- {name: a, atLeast: 1}\n- {name: a, atLeast: 1}",
		"a document that is not a range": "name: a",
	}
	for name, document := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := readRanges([]byte(document)); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestReport(t *testing.T) {
	bounds, err := readRanges([]byte("- {name: rate, atLeast: 0.97}\n- {name: wait, atMost: 1}"))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		measure   func(*results)
		isWhole   bool
		wantError string
		wantLines []string
	}{
		"what reaches its bound is ok, up to the bound itself": {
			measure: func(r *results) {
				r.add("rate", "of gangs", 0.97, "%d pods/s", 300)
				r.add("wait", "s", 1, "")
			},
			isWhole:   true,
			wantLines: []string{"rate: of gangs 0.970 >= 0.97 ok 300 pods/s", "wait: s 1 <= 1 ok"},
		},
		"one that misses it fails the run": {
			measure:   func(r *results) { r.add("rate", "of gangs", 0.96, ""); r.add("rate", "of pods", 1.2, "") },
			wantError: "1 figures missed",
			wantLines: []string{"rate: of gangs 0.960 >= 0.97 MISSED", "rate: of pods 1.200 >= 0.97 ok"},
		},
		"what a whole run did not measure is missed": {
			measure:   func(r *results) { r.add("rate", "of gangs", 1, "") },
			isWhole:   true,
			wantError: "1 figures missed",
			wantLines: []string{"wait <= 1 MISSED not measured"},
		},
		"a figure without a bound is only shown": {
			measure:   func(r *results) { r.info("pods", 123.4, "") },
			wantLines: []string{"pods 123"},
		},
		"a figure of an unknown range is an error": {
			measure:   func(r *results) { r.add("rat", "", 1, "") },
			wantError: `no range has the name "rat"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var r results
			tc.measure(&r)
			var out strings.Builder
			err := r.report(&out, bounds, tc.isWhole)
			if (err == nil) != (tc.wantError == "") || err != nil && err.Error() != tc.wantError {
				t.Errorf("error %v, want %q", err, tc.wantError)
			}
			lines := map[string]bool{}
			for line := range strings.Lines(out.String()) {
				lines[strings.Join(strings.Fields(line), " ")] = true
			}
			for _, want := range tc.wantLines {
				if !lines[want] {
					t.Errorf("no line %q in\n%s", want, out.String())
				}
			}
		})
	}
}
