// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestKeepsRoomForLongerAndLonger(t *testing.T) {
	t.Parallel()
	const m = time.Minute
	cases := map[time.Duration]bool{
		-m: false, 0: true, 9 * m: true, 10 * m: false, 19 * m: false, // 10 minutes, and 10 for others
		20 * m: true, 39 * m: true, 40 * m: false, 49 * m: false, // 20, and 10 for others
		50 * m: true, 89 * m: true, 90 * m: false,
	}
	for waited, want := range cases {
		if got := keepsRoom(waited, 10*m); got != want {
			t.Errorf("a head that has waited for %v keeps room: %t", waited, got)
		}
	}
	if keepsRoom(m, 0) {
		t.Error("a head keeps room that should not")
	}
}

func TestHeadKeepsRoomFromQueuesBehind(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cfg  Config
		wait time.Duration
		want []string // of two small jobs of a queue of lower priority, the second for another environment
	}{
		"kept in the environment that it waits for": {Config{HeadRoom: time.Minute}, 0, []string{"", "ce-b"}},
		"others have their turn after a while":      {Config{HeadRoom: time.Minute}, time.Minute, []string{"ce-a", "ce-b"}},
		"and it is kept again":                      {Config{HeadRoom: time.Minute}, 2 * time.Minute, []string{"", "ce-b"}},
		"not if nobody wants that":                  {Config{}, 0, []string{"ce-a", "ce-b"}},
		"not while the head may be overtaken":       {Config{HeadRoom: time.Hour, Backfill: 1, BackfillFor: time.Hour}, 0, []string{"ce-a", "ce-b"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBenchWith(t, tc.cfg)
			high, low, other := b.queue(t, "high", 2, "ce-a"), b.queue(t, "low", 1, "ce-a"), b.queue(t, "other", 1, "ce-b")
			running := b.submit(t, high, 500)
			head := b.submit(t, high, 2000)
			b.round(t)
			b.clock.Step(tc.wait)
			small := []batch.Job{b.submit(t, low, 100), b.submit(t, other, 100)}
			b.round(t)
			if diff := cmp.Diff(tc.want, b.admittedTo(t, small...)); diff != "" {
				t.Errorf("admissions mismatch (-want +got):\n%s", diff)
			}
			b.succeed(t, running.ID)
			for _, job := range small {
				if b.job(t, job.ID).Current != nil {
					b.succeed(t, job.ID)
				}
			}
			b.round(t)
			if got := b.admittedTo(t, head); got[0] != "ce-a" {
				t.Errorf("with all the room there is the head is admitted to %q", got[0])
			}
		})
	}
}

// A large job of one queue against small ones of another that come without end: it starts, whatever their length.
func TestLargeJobIsNotOvertakenForEver(t *testing.T) {
	t.Parallel()
	for _, length := range []time.Duration{time.Minute, 15 * time.Minute, 3 * time.Hour} {
		t.Run(length.String(), func(t *testing.T) {
			t.Parallel()
			b := newBenchWith(t, Config{HeadRoom: 10 * time.Minute})
			high, low := b.queue(t, "high", 2, "ce-a"), b.queue(t, "low", 1, "ce-a")
			ends := map[string]time.Time{}
			submit := func() { ends[b.submit(t, low, 500).ID] = time.Time{} }
			for range 4 {
				submit()
				b.round(t)
				b.clock.Step(length / 4) // so that they do not end together
			}
			large := b.submit(t, high, 2000)
			for begun := b.clock.Now(); b.job(t, large.ID).Current == nil; b.clock.Step(length / 4) {
				if b.clock.Since(begun) > 20*length+2*time.Hour {
					t.Fatalf("the large job waits for %v", b.clock.Since(begun))
				}
				for id, end := range ends {
					switch {
					case b.job(t, id).Current == nil:
					case end.IsZero():
						ends[id] = b.clock.Now().Add(length)
					case !b.clock.Now().Before(end):
						b.succeed(t, id)
						delete(ends, id)
						submit()
					}
				}
				b.round(t)
			}
		})
	}
}

// Contract 5.1 leaves the order of equal priorities open: ours is that of waiting.
func TestQueuesOfOnePriorityTakeTurns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a, z := b.queue(t, "a", 1, "ce-a"), b.queue(t, "z", 1, "ce-a")
	running := b.submit(t, a, 2000)
	b.round(t)
	first := b.submit(t, z, 2000)
	b.round(t)
	b.clock.Step(time.Second)
	second := b.submit(t, a, 2000)
	b.round(t)
	b.succeed(t, running.ID)
	b.round(t)
	if diff := cmp.Diff([]string{"ce-a", ""}, b.admittedTo(t, first, second)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
}
