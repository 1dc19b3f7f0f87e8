// SPDX-License-Identifier: Apache-2.0

package fairshare

import (
	"testing"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestWeight(t *testing.T) {
	t.Parallel()
	policy := NewPolicy(&batch.FairSharePolicy{ShareDistribution: []batch.ShareWeight{
		{ShareIdentifier: "UserA*", WeightFactor: new(0.5)},
		{ShareIdentifier: "UserAB*", WeightFactor: new(0.25)},
		{ShareIdentifier: "UserABC", WeightFactor: new(2.0)},
		{ShareIdentifier: "Plain"},
	}})
	cases := map[string]struct { // contract 5.3
		share string
		want  float64
	}{
		"a share that is listed":               {"UserABC", 2},
		"listed without a factor":              {"Plain", 1},
		"a prefix":                             {"UserA1", 0.5},
		"the prefix itself":                    {"UserA", 0.5},
		"the longer of two prefixes":           {"UserAB1", 0.25},
		"an exact entry is only for itself":    {"Plain2", 1},
		"a share that is not listed":           {"UserB", 1},
		"each of those that match has all 0.5": {"UserA2", 0.5},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := policy.Weight(tc.share); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	if got := NewPolicy(nil).Weight("any"); got != 1 {
		t.Errorf("without a policy: %v", got)
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int]time.Duration{0: 600 * time.Second, 60: 600 * time.Second, 3600: time.Hour} {
		if p := NewPolicy(&batch.FairSharePolicy{ShareDecaySeconds: &seconds}); p.Window != want || p.Tau() != want/2 {
			t.Errorf("%d: window %v, tau %v", seconds, p.Window, p.Tau())
		}
	}
}

func TestUsable(t *testing.T) {
	t.Parallel()
	x, y := &Budget{MaxMilli: 60_000}, &Budget{MaxMilli: 40_000}
	cases := map[string]struct { // contract 5.3
		reservation, shares int
		budgets             []*Budget
		running             map[string]int64
		wantMax, wantLeft   int64 // -1 is no bound
	}{
		"none":                           {0, 1, []*Budget{x, y}, nil, -1, -1},
		"50 % with one share":            {50, 1, []*Budget{x, y}, nil, 50_000, 50_000},
		"25 % with two":                  {50, 2, []*Budget{x, y}, nil, 75_000, 75_000},
		"12.5 % with three":              {50, 3, []*Budget{x, y}, nil, 87_500, 87_500},
		"1.56 % of 25 with three":        {25, 3, []*Budget{x, y}, nil, 98_437, 98_437},
		"no share is one":                {50, 0, []*Budget{x, y}, nil, 50_000, 50_000},
		"what runs is taken off":         {50, 1, []*Budget{x, y}, map[string]int64{"A": 20_000, "B": 40_000}, 50_000, -10_000},
		"no limit, no part of it":        {50, 1, []*Budget{x, {Unlimited: true}}, nil, -1, -1},
		"99 % with one leaves little":    {99, 1, []*Budget{y}, nil, 400, 400},
		"no environment: nothing at all": {50, 1, nil, nil, 0, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := NewPolicy(&batch.FairSharePolicy{ComputeReservation: &tc.reservation})
			limit, left := int64(-1), int64(-1)
			if b := policy.Usable(tc.budgets, tc.running, tc.shares); b != nil {
				limit, left = b.MaxMilli, b.Milli
			}
			if limit != tc.wantMax || left != tc.wantLeft {
				t.Errorf("got %d of %d, want %d of %d", left, limit, tc.wantLeft, tc.wantMax)
			}
		})
	}
}
