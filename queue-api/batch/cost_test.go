// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestShareOf(t *testing.T) {
	t.Parallel()
	machine := Requests{MilliVCPU: 4000, MemoryMiB: 8192, GPU: 4}
	cases := map[string]struct {
		pod, machine Requests
		want         float64
	}{
		"vCPUs decide":                       {Requests{MilliVCPU: 2000, MemoryMiB: 1024}, machine, 0.5},
		"memory decides":                     {Requests{MilliVCPU: 1000, MemoryMiB: 6144}, machine, 0.75},
		"GPUs decide":                        {Requests{MilliVCPU: 1000, MemoryMiB: 1024, GPU: 3}, machine, 0.75},
		"a third is rounded up":              {Requests{MilliVCPU: 1, MemoryMiB: 1}, Requests{MilliVCPU: 3, MemoryMiB: 3}, 0.333334},
		"it is all at most":                  {Requests{MilliVCPU: 9000, MemoryMiB: 1}, machine, 1},
		"of what there is none, all":         {Requests{MilliVCPU: 1000, MemoryMiB: 1, GPU: 1}, Requests{MilliVCPU: 4000, MemoryMiB: 8192}, 1},
		"nothing is known of the machine":    {Requests{MilliVCPU: 1000, MemoryMiB: 1}, Requests{}, 0},
		"nothing is known of the pod":        {Requests{}, machine, 0},
		"a machine that tells no memory":     {Requests{MilliVCPU: 1000, MemoryMiB: 1}, Requests{MilliVCPU: 4000}, 0},
		"the smallest is more than nothing":  {Requests{MilliVCPU: 1}, Requests{MilliVCPU: math.MaxInt64, MemoryMiB: 1}, 1e-6},
		"the largest numbers are no trouble": {Requests{MilliVCPU: math.MaxInt64, MemoryMiB: math.MaxInt64}, Requests{MilliVCPU: 1, MemoryMiB: 1}, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ShareOf(tc.pod, tc.machine); got != tc.want {
				t.Errorf("share = %v, want %v", got, tc.want)
			}
		})
	}
}

func drawRequests(rt *rapid.T, name string, least int64) Requests {
	draw := func(what string, least, most int64) int64 { return rapid.Int64Range(least, most).Draw(rt, name+what) }
	return Requests{MilliVCPU: draw(" vCPU", least, 1<<20), MemoryMiB: draw(" MiB", least, 1<<24), GPU: draw(" GPU", 0, 16)}
}

// A share is a part, the whole for a pod as large as its machine; it grows with what is asked, falls with what there is, and is no
// less than any one of its parts. Pods that fill a machine together pay for all of it, at least.
func TestSharesAreParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		machine, pod, more := drawRequests(rt, "machine", 1), drawRequests(rt, "pod", 1), drawRequests(rt, "more", 0)
		share := ShareOf(pod, machine)
		if share <= 0 || share > 1 {
			rt.Fatalf("share %v", share)
		}
		if part := float64(pod.MilliVCPU) / float64(machine.MilliVCPU); share < min(part, 1) {
			rt.Fatalf("share %v of a pod that takes %v of the vCPUs", share, part)
		}
		if part := float64(pod.MemoryMiB) / float64(machine.MemoryMiB); share < min(part, 1) {
			rt.Fatalf("share %v of a pod that takes %v of the memory", share, part)
		}
		plus := func(a, b Requests) Requests {
			return Requests{MilliVCPU: a.MilliVCPU + b.MilliVCPU, MemoryMiB: a.MemoryMiB + b.MemoryMiB, GPU: a.GPU + b.GPU}
		}
		if larger := ShareOf(plus(pod, more), machine); larger < share {
			rt.Fatalf("share %v falls to %v with %+v more", share, larger, more)
		}
		if smaller := ShareOf(pod, plus(machine, more)); smaller > share {
			rt.Fatalf("share %v grows to %v of a larger machine", share, smaller)
		}
		if whole := ShareOf(machine, machine); whole != 1 {
			rt.Fatalf("a pod of all is %v", whole)
		}
		if all := share + ShareOf(Requests{
			MilliVCPU: machine.MilliVCPU - pod.MilliVCPU, MemoryMiB: machine.MemoryMiB - pod.MemoryMiB, GPU: machine.GPU - pod.GPU,
		}, machine); all < 1-1e-9 {
			rt.Fatalf("pods that fill the machine pay %v of it", all)
		}
	})
}

var costTime = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// half is half a machine of 0.2 an hour.
func half() *Host {
	return &Host{InstanceType: "m5.large", PricePerHour: 0.2, Share: 0.5, BoundAt: costTime}
}

const dime = 100_000_000

func TestCostOfAttempt(t *testing.T) {
	t.Parallel()
	later := func(hours float64) time.Time { return costTime.Add(time.Duration(hours * float64(time.Hour))) }
	unpriced := half()
	unpriced.PricePerHour = 0
	unshared := half()
	unshared.Share = 0
	unbound := half()
	unbound.BoundAt = time.Time{}
	dear := half()
	dear.PricePerHour = 1e9
	cases := map[string]struct {
		attempt Attempt
		want    Cost
	}{
		"never had a node":              {Attempt{StoppedAt: later(1)}, Cost{Attempts: 1}},
		"ran an hour":                   {Attempt{NodeName: "n", Host: half(), StoppedAt: later(1)}, Cost{Nano: dime, Attempts: 1}},
		"runs still":                    {Attempt{NodeName: "n", Host: half(), StartedAt: later(1)}, Cost{Nano: 2 * dime, Attempts: 1}},
		"counts from its start":         {Attempt{NodeName: "n", Host: unbound, StartedAt: later(1), StoppedAt: later(4)}, Cost{Nano: 3 * dime, Attempts: 1}},
		"nobody knows since when":       {Attempt{NodeName: "n", Host: unbound, StoppedAt: later(4)}, Cost{Attempts: 1, Unknown: 1}},
		"stopped before it was bound":   {Attempt{NodeName: "n", Host: half(), StoppedAt: later(-1)}, Cost{Attempts: 1}},
		"of unknown price":              {Attempt{NodeName: "n", Host: unpriced, StoppedAt: later(1)}, Cost{Attempts: 1, Unknown: 1}},
		"of unknown share":              {Attempt{NodeName: "n", Host: unshared, StoppedAt: later(1)}, Cost{Attempts: 1, Unknown: 1}},
		"of an earlier version":         {Attempt{NodeName: "n", StoppedAt: later(1)}, Cost{Attempts: 1, Unknown: 1}},
		"dearer than anything can be":   {Attempt{NodeName: "n", Host: dear, StoppedAt: later(1e6)}, Cost{Nano: MaxAttemptNano, Attempts: 1}},
		"many nodes sum":                {Attempt{NodeName: "n", Host: half(), Nodes: []NodeAttempt{{NodeName: "n", Host: half(), StoppedAt: later(1)}, {NodeName: "m", Host: half(), StoppedAt: later(3)}}}, Cost{Nano: 4 * dime, Attempts: 1}},
		"of one node it is not known":   {Attempt{Nodes: []NodeAttempt{{NodeName: "n", Host: half(), StoppedAt: later(1)}, {NodeName: "m"}}}, Cost{Nano: dime, Attempts: 1, Unknown: 1}},
		"a node that was lost counts":   {Attempt{Nodes: []NodeAttempt{{Past: Cost{Nano: dime, Attempts: 1}, NodeName: "n", Host: half(), StoppedAt: later(1)}}}, Cost{Nano: 2 * dime, Attempts: 1}},
		"one that was lost is unknown":  {Attempt{Nodes: []NodeAttempt{{Past: Cost{Attempts: 1, Unknown: 1}}}}, Cost{Attempts: 1, Unknown: 1}},
		"all nodes together are capped": {Attempt{Nodes: []NodeAttempt{{NodeName: "n", Host: dear, StoppedAt: later(1e6)}, {NodeName: "m", Host: dear, StoppedAt: later(1e6)}}}, Cost{Nano: MaxAttemptNano, Attempts: 1}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, tc.attempt.Cost(later(2))); diff != "" {
				t.Errorf("cost mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// What is not known is nothing, not 0.
func TestDollars(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cost Cost
		want *float64
	}{
		"nothing ran":    {Cost{}, new(0.0)},
		"all is known":   {Cost{Nano: dime, Attempts: 1}, new(0.1)},
		"some is known":  {Cost{Nano: dime, Attempts: 2, Unknown: 1}, new(0.1)},
		"none is known":  {Cost{Attempts: 2, Unknown: 2}, nil},
		"no node at all": {Cost{Attempts: 1}, new(0.0)},
	}
	for name, tc := range cases {
		if diff := cmp.Diff(tc.want, tc.cost.Dollars()); diff != "" {
			t.Errorf("%s: dollars mismatch (-want +got):\n%s", name, diff)
		}
	}
}

func TestCostOfJob(t *testing.T) {
	t.Parallel()
	first := Attempt{Number: 1, NodeName: "n", Host: half(), StoppedAt: costTime.Add(time.Hour)}
	old := Job{Attempts: []Attempt{}, Current: &first}
	next := Job{Attempts: []Attempt{first}, Current: &Attempt{Number: 2, NodeName: "n", Host: half()}}
	if got, want := next.Cost(costTime.Add(3*time.Hour)), (Cost{Nano: 4 * dime, Attempts: 2}); got != want {
		t.Errorf("cost = %+v, want %+v", got, want)
	}
	if got, want := EndedCost(&old, &next), (Cost{Nano: dime, Attempts: 1}); got != want {
		t.Errorf("what ended cost %+v, want %+v", got, want)
	}
	array := Job{ArraySize: 2, Spent: Cost{Nano: 7, Attempts: 2}}
	if got := array.Cost(costTime); got != array.Spent {
		t.Errorf("an array costs %+v, want %+v", got, array.Spent)
	}
	if child := array.Child(1, StatusRunnable); child.Cost(costTime) != (Cost{}) || child.Spent != (Cost{}) {
		t.Errorf("its child costs %+v", child.Cost(costTime))
	}
}

func TestSpendingRemembersTheDearest(t *testing.T) {
	t.Parallel()
	var s Spending
	for _, j := range []SpentJob{{"a", 1}, {"b", 3}, {"c", 2}, {"b", 2}, {"a", 9}} {
		s.Remember(j)
	}
	if diff := cmp.Diff([]SpentJob{{"a", 9}, {"b", 3}, {"c", 2}}, s.Jobs); diff != "" {
		t.Errorf("jobs mismatch (-want +got):\n%s", diff)
	}
}
