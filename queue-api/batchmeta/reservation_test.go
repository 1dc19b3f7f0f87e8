// SPDX-License-Identifier: Apache-2.0

package batchmeta

import (
	"testing"
	"time"
)

func TestReservation(t *testing.T) {
	t.Parallel()
	want := Reservation{Gang: GangName("jobs", "ring", true), Until: time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)}
	if got, ok := ReservationOf(want.String()); !ok || got != want {
		t.Errorf("ReservationOf(%q) = %+v, %v", want, got, ok)
	}
	for _, value := range []string{"", "jobs/ring", "jobs/ring soon", " 2026-11-22T15:00:00Z"} {
		if got, ok := ReservationOf(value); ok {
			t.Errorf("ReservationOf(%q) = %+v, want nothing", value, got)
		}
	}
}
