// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

// fairQueue is a fair-share queue q over ce-a, which has that many vCPUs.
func (b *bench) fairQueue(t *testing.T, vcpus int, policy batch.FairSharePolicy) batch.JobQueue {
	t.Helper()
	b.environment(t, "ce-a", func(e *batch.ComputeEnvironment) { e.MaxvCPUs = vcpus })
	if err := b.store.CreatePolicy(t.Context(), batch.SchedulingPolicy{Name: "p", FairShare: &policy}); err != nil {
		t.Fatal(err)
	}
	b.queue(t, "q", 1, "ce-a")
	return b.changeQueue(t, "q", func(q *batch.JobQueue) { q.SchedulingPolicy = "p" })
}

// running tells how many jobs of each share are admitted, as "a1 b2".
func (b *bench) running(t *testing.T, q batch.JobQueue) string {
	t.Helper()
	usage, err := b.store.ShareUsage(t.Context(), q.Number)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, share := range []string{"a", "b", "c"} {
		if usage[share] > 0 {
			out = append(out, fmt.Sprint(share, usage[share]/1000))
		}
	}
	return strings.Join(out, " ")
}

func weight(share string, factor float64) batch.ShareWeight {
	return batch.ShareWeight{ShareIdentifier: share, WeightFactor: &factor}
}

// Contract 5.3: the share with the lowest weighted use goes next; a lone share may use everything that is not reserved.
func TestSharesGetWhatTheirWeightsSay(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		vcpus  int
		policy batch.FairSharePolicy
		shares string // of the jobs in the order of submission
		want   string
	}{
		"equal weights, equal shares":           {4, batch.FairSharePolicy{}, "aaaaaabb", "a2 b2"},
		"idle capacity is shared freely":        {4, batch.FairSharePolicy{}, "aaaaaa", "a4"},
		"a lower factor gets more":              {5, batch.FairSharePolicy{ShareDistribution: []batch.ShareWeight{weight("a", 0.25)}}, "bbbbbbaaaaaa", "a4 b1"},
		"a prefix is for all that match":        {4, batch.FairSharePolicy{ShareDistribution: []batch.ShareWeight{weight("b*", 3)}}, "bbbbaaaa", "a3 b1"},
		"the reservation is kept free":          {8, batch.FairSharePolicy{ComputeReservation: new(50)}, "aaaaaaaa", "a4"},
		"the reservation of two shares is less": {8, batch.FairSharePolicy{ComputeReservation: new(50)}, "aaaaaaaabbbbbbbb", "a3 b3"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			q := b.fairQueue(t, tc.vcpus, tc.policy)
			for _, share := range tc.shares {
				b.submit(t, q, 1000, inShare(string(share), 0))
			}
			b.round(t)
			b.round(t)
			if got := b.running(t, q); got != tc.want {
				t.Errorf("admitted %s, want %s", got, tc.want)
			}
		})
	}
}

// Contract 5.4: schedulingPriority counts inside one share, never across shares.
func TestPriorityOrdersOneShare(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.fairQueue(t, 2, batch.FairSharePolicy{})
	jobs := []batch.Job{
		b.submit(t, q, 1000, inShare("a", 1)), b.submit(t, q, 1000, inShare("a", 9)), b.submit(t, q, 1000, inShare("b", 0)),
	}
	b.round(t)
	if diff := cmp.Diff([]string{"", "ce-a", "ce-a"}, b.admittedTo(t, jobs...)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
}

// Contract 5.3: what a share used counts after it ended, and after another leader took over.
func TestUseIsRememberedAcrossLeaders(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.fairQueue(t, 1, batch.FairSharePolicy{ShareDecaySeconds: new(3600)})
	first := b.submit(t, q, 1000, inShare("a", 0))
	b.round(t)
	b.clock.Step(10 * time.Minute)
	b.round(t)
	b.succeed(t, first.ID)
	// The other share's job is younger: only what the first one used speaks for it.
	jobs := []batch.Job{b.submit(t, q, 1000, inShare("a", 0)), b.submit(t, q, 1000, inShare("b", 0))}
	b.clock.Step(time.Second)
	next := New(b.store, b.pods, b.dispatcher.cfg)
	if err := next.runOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "ce-a"}, b.admittedTo(t, jobs...)); diff != "" {
		t.Errorf("admissions mismatch (-want +got):\n%s", diff)
	}
}

// Contract 5.3: a share stays active for the decay window after its last job.
func TestIdleShareIsForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	q := b.fairQueue(t, 1, batch.FairSharePolicy{})
	job := b.submit(t, q, 1000, inShare("a", 0))
	b.round(t)
	b.succeed(t, job.ID)
	for _, tc := range []struct {
		after time.Duration
		want  int
	}{{9 * time.Minute, 1}, {2 * time.Minute, 0}} {
		b.clock.Step(tc.after)
		b.round(t)
		shares, err := b.store.Shares(t.Context(), q.Number)
		if err != nil || len(shares) != tc.want {
			t.Errorf("shares %v after %v more (%v), want %d", shares, tc.after, err, tc.want)
		}
	}
}
