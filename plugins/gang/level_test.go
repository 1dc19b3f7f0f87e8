// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestMayPreempt(t *testing.T) {
	t.Parallel()
	ranked := func(rank string, priority int32) Order { return Order{rank: rank, priority: priority} }
	plain := func(priority int32, created int64) Order { return Order{priority: priority, created: created} }
	cases := map[string]struct {
		preemptor, victim Order
		want              bool
	}{
		"a job of a queue of higher priority may":             {ranked("00011", 0), ranked("00020", 0), true},
		"an earlier job of the same queue may not":            {ranked("00011", 0), ranked("00012", 0), false},
		"a job of a queue of lower priority may not":          {ranked("00020", 0), ranked("00011", 0), false},
		"a user's pod of higher priority may":                 {plain(2, 9), plain(1, 1), true},
		"an older user's pod of the same priority may not":    {plain(1, 1), plain(1, 9), false},
		"a user's pod may not where a job goes first":         {plain(2, 1), ranked("00020", 1), false},
		"a job may not where a user's pod counts as much":     {ranked("00011", 1), plain(1, 1), false},
		"a job may where a user's pod has a lower priority":   {ranked("00011", 1), plain(0, 1), true},
		"a job may not where a user's pod has a higher one":   {ranked("00011", 1), plain(2, 1), false},
		"a high priority does not help one that goes second":  {ranked("00020", 5), ranked("00011", 0), false},
		"nothing may preempt itself":                          {plain(1, 1), plain(1, 1), false},
		"a higher priority helps inside the class of a queue": {ranked("00011", 5), ranked("00012", 0), true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.preemptor.MayPreempt(tc.victim); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// TestPreemptionsNeverComeRound follows random chains of preemptions, each victim being made again with a later rank and a
// later creation: they end, and nobody in a chain may preempt anybody before it.
func TestPreemptionsNeverComeRound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(i int) Order {
			o := Order{
				priority: rapid.Int32Range(-2, 2).Draw(t, "priority"), created: rapid.Int64Range(0, 3).Draw(t, "created"),
				member: strconv.Itoa(i),
			}
			if rapid.Bool().Draw(t, "ranked") {
				o.rank = "000" + strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "class")) + "00" + strconv.Itoa(rapid.IntRange(0, 9).Draw(t, "time"))
			}
			return o
		}
		chain := []Order{draw(0)}
		for i := range 20 {
			next := draw(i + 1)
			last := chain[len(chain)-1]
			if !last.MayPreempt(next) {
				continue
			}
			again := next
			again.created += 100
			if again.IsRanked() {
				again.rank = again.rank[:4] + "9" + strconv.Itoa(100+i)
			}
			for _, o := range chain {
				for _, v := range []Order{next, again} {
					if v.MayPreempt(o) || v.Level().Compare(o.Level()) > 0 {
						t.Fatalf("%+v may preempt %+v, which came before it", v, o)
					}
				}
			}
			if !last.Before(again) {
				t.Fatalf("%+v, made again, goes before its preemptor %+v", again, last)
			}
			chain = append(chain, next)
		}
	})
}
