// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"
	"time"

	"k8s.io/client-go/kubernetes/fake"

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

// TestReservationsOutliveTheirLeader restarts the autoscaler while nodes are kept for gangs: what they say goes on to hold as
// long as whoever leads now wants it to, and no longer.
func TestReservationsOutliveTheirLeader(t *testing.T) {
	t.Parallel()
	const gang = "ns/a"
	waits := map[string]bool{gang: true}
	cases := map[string]struct {
		away    time.Duration // from the last word of the one to the first of the other
		keep    bool
		waiting map[string]bool
		gang    string        // that is known of the node to the next
		want    time.Duration // until when it is kept, since it was first; 0 if it is not
	}{
		"what was said lasts":                   {keep: true, waiting: waits, gang: gang, want: reservedFor},
		"it is said again in time":              {away: 40 * time.Second, keep: true, waiting: waits, gang: gang, want: 40*time.Second + reservedFor},
		"the gang is given other nodes":         {away: 10 * time.Second, waiting: waits, gang: gang},
		"the gang has started or is gone":       {away: 10 * time.Second, gang: gang, want: reservedFor},
		"what ran out is not taken up":          {away: reservedFor, waiting: waits, want: reservedFor},
		"what ran out may be said anew, though": {away: reservedFor, keep: true, waiting: waits, want: 2 * reservedFor},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, env())
			w.grow(large, 1)
			w.register()
			begin := w.clock.Now()
			w.Reserve(map[string]string{w.members(large)[0].Name: gang}, waits)
			w.Wait()
			w.clock.Step(tc.away)
			w.restart(NewConfigMapLedger(fake.NewClientset().CoreV1().ConfigMaps("muster-system"), "launches"))
			m := w.members(large)[0]
			if m.Gang != tc.gang {
				t.Errorf("the node is known to be kept for %q, want %q", m.Gang, tc.gang)
			}
			gangs := map[string]string{}
			if tc.keep {
				gangs[m.Name] = gang
			}
			for range 2 { // the second time nothing has changed
				w.Reserve(gangs, tc.waiting)
				w.Wait()
			}
			want := ""
			if tc.want > 0 {
				want = batchmeta.Reservation{Gang: gang, Until: begin.Add(tc.want)}.String()
			}
			if got := w.nodes[0].Annotations[batchmeta.Reserved]; got != want {
				t.Errorf("the node says %q, want %q", got, want)
			}
			if got := w.members(large)[0].Gang; (got == gang) != tc.keep {
				t.Errorf("the node is known to be kept for %q afterwards", got)
			}
		})
	}
}

// members are those of a group that is on offer.
func (w *world) members(group string) []Member {
	for _, m := range w.Markets() {
		for _, o := range m.Offers {
			if o.Group.Id() == group {
				return o.Members
			}
		}
	}
	return nil
}
