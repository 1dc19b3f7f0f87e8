// SPDX-License-Identifier: Apache-2.0

package daemon

import "testing"

func TestParseStat(t *testing.T) {
	t.Parallel()
	const tail = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20"
	cases := map[string]struct {
		stat      string
		wantState byte
		wantStart int64
		wantErr   bool
	}{
		"a plain name":                          {stat: "7 (redis) S" + tail, wantState: 'S', wantStart: 4711},
		"a name with spaces and parentheses":    {stat: "7 (a) R (b) S" + tail, wantState: 'S', wantStart: 4711},
		"a zombie":                              {stat: "7 (sh) Z" + tail, wantState: 'Z', wantStart: 4711},
		"a line that is cut off is refused":     {stat: "7 (sh) S 1 2", wantErr: true},
		"a line without a name is refused, too": {stat: "7", wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, start, err := parseStat([]byte(tc.stat))
			if (err != nil) != tc.wantErr {
				t.Fatalf("parseStat() error = %v, want error %v", err, tc.wantErr)
			}
			if state != tc.wantState || start != tc.wantStart {
				t.Errorf("parseStat() = %c, %d, want %c, %d", state, start, tc.wantState, tc.wantStart)
			}
		})
	}
}
