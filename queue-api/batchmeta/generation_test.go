// SPDX-License-Identifier: Apache-2.0

package batchmeta

import "testing"

func TestIsOutdated(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		label      string
		generation int
		want       bool
	}{
		"an older node":                        {"1", 2, true},
		"numbers are not compared as text":     {"9", 10, true},
		"a node of the present":                {"2", 2, false},
		"a node newer than what is known":      {"3", 2, false},
		"a node that does not say":             {"", 2, false},
		"a node that says something else":      {"blue", 2, false},
		"an environment without a generation":  {"1", 0, false},
		"an environment of the first of them":  {"1", 1, false},
		"a node of an environment never known": {"", 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := IsOutdated(tc.label, tc.generation); got != tc.want {
				t.Errorf("IsOutdated(%q, %d) = %v", tc.label, tc.generation, got)
			}
		})
	}
}
