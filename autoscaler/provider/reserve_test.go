// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"
	"time"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

func TestNodesAreReservedForTheirGang(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env())
	launch, err := w.group(large).Grow(1, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Wait()
	name := fleet.InstanceToken(launch, 0)
	both := map[string]bool{"ns/a": true, "ns/b": true}
	w.Reserve(map[string]string{name: "ns/a"}, both)
	w.Wait() // there is no node yet
	w.register()
	begin := w.clock.Now()
	until := func(gang string, d time.Duration) string {
		return batchmeta.Reservation{Gang: gang, Until: begin.Add(d + reservedFor)}.String()
	}
	for _, step := range []struct {
		what    string
		at      time.Duration // since the node is there
		gang    string
		waiting map[string]bool
		want    string
	}{
		{"its node has come", 0, "ns/a", both, until("ns/a", 0)},
		{"what was said lasts", 20 * time.Second, "ns/a", both, until("ns/a", 0)},
		{"it is said again in time", 40 * time.Second, "ns/a", both, until("ns/a", 40*time.Second)},
		{"another gang gets the node", 50 * time.Second, "ns/b", both, until("ns/b", 50*time.Second)},
		{"nobody does", 55 * time.Second, "", both, ""},
		{"the first gets it back", time.Minute, "ns/a", both, until("ns/a", time.Minute)},
		{"the gang has started: nothing need be said", 65 * time.Second, "", nil, until("ns/a", time.Minute)},
	} {
		w.clock.SetTime(begin.Add(step.at))
		gangs := map[string]string{}
		if step.gang != "" {
			gangs[name] = step.gang
		}
		w.Reserve(gangs, step.waiting)
		w.Wait()
		if got := w.nodes[0].Annotations[batchmeta.Reserved]; got != step.want {
			t.Errorf("%s: the node says %q, want %q", step.what, got, step.want)
		}
	}
}
