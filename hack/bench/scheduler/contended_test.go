// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
)

func TestContention(t *testing.T) {
	began := time.Unix(0, 0)
	after := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	k := contention{
		workload: workload{gangs: []gangOf{{name: "a", size: 2}, {name: "b", size: 2}, {name: "c", size: 3}}},
		slots:    4, began: began, arrived: after(1),
	}
	cases := map[string]struct {
		bindings   []binding
		samples    []sample
		wantPlaced int
		wantRoom   int
		wantHeld   int
	}{
		"nothing is placed: the smaller gangs have room": {wantRoom: 2},
		"a gang of which a part is bound is not placed, and holds room": {
			bindings:   []binding{{"a", after(1)}, {"a", after(2)}, {"b", after(2)}},
			samples:    []sample{{after(3), 3}},
			wantPlaced: 1, wantRoom: 1, wantHeld: 1,
		},
		"the members of a gang that is placed are bound one after another": {
			bindings:   []binding{{"c", after(1)}, {"c", after(2)}, {"c", after(3)}},
			samples:    []sample{{after(0.5), 3}, {after(2.5), 3}},
			wantPlaced: 1,
		},
		"what has room long before the rest of its gang was held": {
			bindings:   []binding{{"b", after(1)}, {"b", after(2)}, {"a", after(19)}, {"a", after(20)}},
			samples:    []sample{{after(3), 3}, {after(18), 4}},
			wantPlaced: 2, wantHeld: 1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			k := k
			k.bindings, k.samples = tc.bindings, tc.samples
			if placed, room := k.placed(); placed != tc.wantPlaced || room != tc.wantRoom {
				t.Errorf("%d placed, room for %d; want %d and %d", placed, room, tc.wantPlaced, tc.wantRoom)
			}
			if held, _ := k.held(); held != tc.wantHeld {
				t.Errorf("held %d, want %d", held, tc.wantHeld)
			}
		})
	}
}

func TestNewContentionHasRoomForHalf(t *testing.T) {
	k := newContention(1)
	if pods := k.workload.pods(); pods != 2*k.slots || k.slots%nodeCPUs != 0 {
		t.Errorf("%d pods for %d slots", pods, k.slots)
	}
}
