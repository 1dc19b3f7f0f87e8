// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestAnEmptyPoolIsPassedOverForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"z-a", "z-b"}})
	short := ec2fake.Pool{Type: "c5.large", Zone: "z-a"}
	w.cloud.SetStock(short, 0)
	w.launched(w.request("token-1", 1))
	w.cloud.SetStock(short, 9)
	w.clock.Step(firstShortage - time.Second)
	w.launched(w.request("token-2", 1))
	if got := zones(w.cloud.Instances()); got["z-b"] != 2 {
		t.Errorf("instances by zone: %v, want all in z-b", got)
	}
	w.clock.Step(time.Second)
	w.launched(w.request("token-3", 1))
	if got := zones(w.cloud.Instances()); got["z-a"] != 1 {
		t.Errorf("instances by zone: %v, want one in z-a after the shortage", got)
	}
}

func TestEC2IsNotAskedWhileAllPoolsAreBackedOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.large"}, 0)
	_, first := w.Launch(t.Context(), w.request("token-1", 1))
	_, second := w.Launch(t.Context(), w.request("token-2", 1))
	if got := w.cloud.Calls("CreateFleet"); got != 1 || !fleet.IsOutOfCapacity(second) {
		t.Errorf("%d calls of CreateFleet, then %v", got, second)
	}
	const words = "create fleet: no capacity for instance type c5.large: InsufficientInstanceCapacity: We currently do not have sufficient c5.large"
	if !strings.HasPrefix(first.Error(), words) || !strings.HasPrefix(second.Error(), words) {
		t.Errorf("EC2's words %q became %q", first, second)
	}
	w.clock.Step(firstShortage)
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.large"}, 1)
	w.launched(w.request("token-3", 1))
}

func TestARepeatedLaunchFindsItsInstancesThoughAllPoolsAreBackedOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	w.cloud.SetStock(ec2fake.Pool{Type: "c5.large"}, 2)
	for range 2 {
		got, err := w.Launch(t.Context(), w.request("token", 3))
		if len(got) != 2 || !fleet.IsOutOfCapacity(err) {
			t.Errorf("Launch = %d instances, %v; want 2 and a capacity error", len(got), err)
		}
	}
}

func TestShortagesGrowUntilThePoolGivesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{})
	why := &fleet.RefusedError{Class: fleet.NoCapacity, Code: "InsufficientInstanceCapacity"}
	zone := []subnet{{zone: "z"}}
	s, p := w.shortages, pool{"c5.large", "z", "spot"}
	lasts := func() time.Duration {
		for d := time.Duration(0); ; d += time.Second {
			if len(s.open(zone, p.instanceType, p.capacityType)) == 1 {
				return d
			}
			w.clock.Step(time.Second)
		}
	}
	var got []time.Duration
	for range 8 {
		s.note(p, why)
		s.note(p, why) // by a call made at the same time
		s.clear(p)     // by one made before
		got = append(got, lasts())
	}
	w.clock.Step(time.Second)
	s.clear(p)
	s.note(p, why)
	got = append(got, lasts())
	w.clock.Step(longShortage)
	s.note(p, why)
	got = append(got, lasts())
	sec := time.Second
	want := []time.Duration{5 * sec, 10 * sec, 20 * sec, 40 * sec, 80 * sec, 160 * sec, 300 * sec, 300 * sec, 5 * sec, 5 * sec}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("back-offs mismatch (-want +got):\n%s", diff)
	}
}

func TestAPoolThatEC2TakesBackIsAvoided(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Zones: []string{"z-a", "z-b"}})
	w.Avoid("c5.large", "aws:///z-a/i-1", batchmeta.CapacitySpot)
	w.launched(w.request("token-1", 1, spot))
	w.launched(w.request("token-2", 1))
	if diff := cmp.Diff(map[string]int{"z-a": 1, "z-b": 1}, zones(w.cloud.Instances())); diff != "" {
		t.Errorf("zones mismatch (-want +got):\n%s", diff)
	}
	w.Avoid("c5.large", "aws:///z-b/i-1", batchmeta.CapacitySpot)
	if _, err := w.Launch(t.Context(), w.request("token-3", 1, spot)); !fleet.IsOutOfCapacity(err) {
		t.Errorf("Launch: %v, want a capacity error", err)
	}
	w.clock.Step(reclaimed)
	w.launched(w.request("token-4", 1, spot))
}
