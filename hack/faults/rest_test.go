// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAlarmsOfALog(t *testing.T) {
	t.Parallel()
	alarm := regexp.MustCompile(raceFound + "|^panic: ")
	cases := map[string]struct {
		text string
		want []string
	}{
		"nothing":        {text: "I0101 all is well\n"},
		"a panic":        {text: "fine\npanic: no\n", want: []string{"log:2: panic: no"}},
		"a race of ours": {text: raceEnd + "\n" + raceFound + "\nWrite at 0x1 by goroutine 2:\n  " + ours + "queue-api/x.f()\n" + raceEnd + "\n", want: []string{"log:2: " + raceFound}},
		"a race of others in a goroutine of ours": {
			text: raceEnd + "\n" + raceFound + "\nWrite at 0x1 by goroutine 2:\n  k8s.io/x.f()\nGoroutine 2 created at:\n  " + ours + "x.g()\n" + raceEnd + "\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, alarmsOf("log", tc.text, alarm)); diff != "" {
				t.Errorf("alarms (-want +got):\n%s", diff)
			}
		})
	}
}
