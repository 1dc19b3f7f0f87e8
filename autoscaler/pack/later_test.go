// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mixed is a gang of two parts that no offer holds both of.
func mixed() Problem {
	p := problem(100, Demand{Whole: true, Parts: []Part{
		{Key: "a", Count: 2, Request: vec(4, 1)}, {Key: "b", Count: 1, Request: vec(4, 1)},
	}})
	p.Fits = func(part *Part, class int) bool { return class == map[string]int{"a": 10, "b": 11}[part.Key] }
	return p
}

func TestAGangOfSeveralLaunchesIsBoughtOneAfterTheOther(t *testing.T) {
	t.Parallel()
	type bought struct {
		Group string
		Later bool
	}
	cases := map[string]struct {
		adjust func(*Problem)
		want   []bought
	}{
		"the one with most nodes first":  {want: []bought{{"small", false}, {"large", true}}},
		"but before it what failed last": {adjust: func(p *Problem) { p.Offers[1].Failed = 1 }, want: []bought{{"large", false}, {"small", true}}},
		"none while what was bought first is not sure to come": {
			adjust: func(p *Problem) { comes(p, true) },
			want:   []bought{{"large", true}},
		},
		"and the rest once it is": {
			adjust: func(p *Problem) { comes(p, false) },
			want:   []bought{{"large", false}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mixed()
			if tc.adjust != nil {
				tc.adjust(&p)
			}
			var got []bought
			solution := Solve(p)
			for _, b := range solution.Purchases {
				got = append(got, bought{p.Offers[b.Offer].Group, b.Later})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || len(solution.Left) > 0 {
				t.Errorf("left %+v, purchases mismatch (-want +got):\n%s", solution.Left, diff)
			}
			for _, h := range solution.Holds {
				if h.Bought > 0 && got[h.Bought-1].Later {
					t.Errorf("%+v is held though nothing was bought", h)
				}
			}
		})
	}
}

// comes lets the first part's nodes be on their way.
func comes(p *Problem, unsure bool) {
	for _, name := range []string{"one", "two"} {
		p.Bins = append(p.Bins, Bin{Name: name, Class: 10, Group: "small", Free: node(4, 8), Unsure: unsure})
		p.Holds = append(p.Holds, Hold{Node: name, Contents: []Content{{"a", 1}}})
	}
}
