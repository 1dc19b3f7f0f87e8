// SPDX-License-Identifier: Apache-2.0

package ranges

import (
	"strings"
	"testing"
)

func TestReadRefuses(t *testing.T) {
	t.Parallel()
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
			t.Parallel()
			if _, err := Read([]byte(document)); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	bounds, err := Read([]byte("- {name: rate, atLeast: 0.97}\n- {name: wait, atMost: 1}"))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		measure   func(*Results)
		isWhole   bool
		wantError string
		wantLines []string
	}{
		"what reaches its bound is ok, up to the bound itself": {
			measure: func(r *Results) {
				r.Add("rate", "of gangs", 0.97, "%d pods/s", 300)
				r.Add("wait", "s", 1, "")
			},
			isWhole:   true,
			wantLines: []string{"rate: of gangs 0.970 >= 0.97 ok 300 pods/s", "wait: s 1 <= 1 ok"},
		},
		"one that misses it fails the run": {
			measure:   func(r *Results) { r.Add("rate", "of gangs", 0.96, ""); r.Add("rate", "of pods", 1.2, "") },
			wantError: "1 figures missed",
			wantLines: []string{"rate: of gangs 0.960 >= 0.97 MISSED", "rate: of pods 1.200 >= 0.97 ok"},
		},
		"what a whole run did not measure is missed": {
			measure:   func(r *Results) { r.Add("rate", "of gangs", 1, "") },
			isWhole:   true,
			wantError: "1 figures missed",
			wantLines: []string{"wait <= 1 MISSED not measured"},
		},
		"a figure without a bound is only shown": {
			measure:   func(r *Results) { r.Info("pods", 123.4, "") },
			wantLines: []string{"pods 123"},
		},
		"a range may be all that there is to say of a figure": {
			measure:   func(r *Results) { r.Add("wait", "", 0.5, "") },
			wantLines: []string{"wait 0.500 <= 1 ok"},
		},
		"a figure of an unknown range is an error": {
			measure:   func(r *Results) { r.Add("rat", "", 1, "") },
			wantError: `no range has the name "rat"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r Results
			tc.measure(&r)
			var out strings.Builder
			err := r.Report(&out, bounds, tc.isWhole)
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
