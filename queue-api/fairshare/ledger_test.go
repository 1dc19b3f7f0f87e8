// SPDX-License-Identifier: Apache-2.0

package fairshare

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

func TestLedgerCountsAndForgets(t *testing.T) {
	t.Parallel()
	const tau = 300 * time.Second
	l, err := ReadLedger(nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Advance(start, map[string]int64{"A": 4000}, tau) // the first call has no time before it
	if got := l.average("A", tau); got != 0 {
		t.Errorf("at once: %v", got)
	}
	l.Advance(start.Add(time.Hour), map[string]int64{"A": 4000}, tau)
	if got := l.average("A", tau); math.Abs(got-4000) > 1 {
		t.Errorf("a share that runs 4 vCPUs for long has an average of %v", got)
	}
	l.Advance(start.Add(time.Hour+tau), nil, tau)
	if got := l.average("A", tau); math.Abs(got-4000/math.E) > 1 {
		t.Errorf("after tau %v is left", got)
	}
	l.Advance(start, map[string]int64{"A": 1e6}, tau)
	if got := l.average("A", tau); math.Abs(got-4000/math.E) > 1 {
		t.Errorf("a clock that went back changed it to %v", got)
	}
	if got := l.average("B", tau); got != 0 {
		t.Errorf("a share that never ran: %v", got)
	}
}

func TestLedgerOfManySmallStepsIsThatOfOne(t *testing.T) {
	t.Parallel()
	one, many := &Ledger{At: start, Shares: map[string]*Account{}}, &Ledger{At: start, Shares: map[string]*Account{}}
	running := map[string]int64{"A": 1234}
	for i := range 1000 {
		many.Advance(start.Add(time.Duration(i+1)*time.Second), running, 300*time.Second)
	}
	one.Advance(start.Add(1000*time.Second), running, 300*time.Second)
	if a, b := one.Shares["A"].Used, many.Shares["A"].Used; math.Abs(a-b) > 1e-6*a {
		t.Errorf("%v in one step, %v in a thousand", a, b)
	}
}

func TestLedgerSurvivesBeingSaved(t *testing.T) {
	t.Parallel()
	l := &Ledger{At: start, Shares: map[string]*Account{"A": {Used: 1.0 / 3, Busy: start.Add(-time.Minute)}, `ü"`: {}}}
	text, err := l.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadLedger(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(l, got); diff != "" {
		t.Errorf("ledger mismatch (-want +got):\n%s", diff)
	}
	if _, err := ReadLedger([]byte("{")); err == nil {
		t.Error("half a ledger was read")
	}
}

func TestIdleSharesAreForgotten(t *testing.T) {
	t.Parallel()
	const window = 600 * time.Second
	l, _ := ReadLedger(nil)
	l.Advance(start, map[string]int64{"ran": 1000, "runs": 1000}, window/2)
	waiting := map[string]bool{"waits": true}
	shares := []string{"new", "ran", "runs", "waits"}
	look := func(second int) []string {
		l.Advance(start.Add(time.Duration(second)*time.Second), map[string]int64{"runs": 1000, "ran": 0}, window/2)
		return l.Idle(shares, func(s string) bool { return waiting[s] }, window)
	}
	if got := look(10); got != nil {
		t.Errorf("idle at once: %v", got)
	}
	if got := look(599); got != nil {
		t.Errorf("idle before the window: %v", got)
	}
	if diff := cmp.Diff([]string{"ran"}, look(600)); diff != "" {
		t.Errorf("idle mismatch (-want +got):\n%s", diff)
	}
	if _, ok := l.Shares["ran"]; ok {
		t.Error("a forgotten share still has an account")
	}
	shares = []string{"new", "runs", "waits"}
	if diff := cmp.Diff([]string{"new"}, look(611)); diff != "" { // known since second 10
		t.Errorf("idle mismatch (-want +got):\n%s", diff)
	}
}

// queue is a simulated fair-share queue: every share has jobs without end, of one vCPU each, that run for a minute or two.
type queue struct {
	policy  Policy
	ledger  *Ledger
	now     time.Time
	cores   int64
	running map[string]int64
	ends    map[time.Time][]string
	ran     map[string]float64 // vCPU-seconds
	given   int
}

func newQueue(cores int64, policy Policy) *queue {
	ledger, _ := ReadLedger(nil)
	return &queue{
		policy: policy, ledger: ledger, now: start, cores: cores, running: map[string]int64{},
		ends: map[time.Time][]string{}, ran: map[string]float64{},
	}
}

// run goes on for a while with jobs of the given shares.
func (q *queue) run(t *testing.T, shares []string, d time.Duration) {
	t.Helper()
	endless := func(share, _ string, limit int) ([]batch.Job, string, error) {
		page := make([]batch.Job, limit)
		for i := range page {
			page[i] = batch.Job{ID: share, CreatedAt: q.now, Requests: batch.Requests{MilliVCPU: 1000}}
		}
		return page, "more", nil
	}
	for end := q.now.Add(d); q.now.Before(end); q.now = q.now.Add(time.Second) {
		q.ledger.Advance(q.now, q.running, q.policy.Tau())
		for _, share := range q.ends[q.now] {
			q.running[share] -= 1000
		}
		free := q.cores * 1000
		for share, milli := range q.running {
			free -= milli
			q.ran[share] += float64(milli) / 1000
		}
		order := NewFairShare(shares, q.ledger, q.running, q.policy, endless)
		verdicts, _, err := Admit(order, []*Budget{{Name: "x", Accepts: true, Milli: free, MaxMilli: q.cores * 1000}}, Options{Now: q.now})
		if err != nil {
			t.Fatal(err)
		}
		for _, share := range admitted(verdicts) {
			q.given++
			q.running[share] += 1000
			at := q.now.Add(time.Duration(60+q.given*7%60) * time.Second)
			q.ends[at] = append(q.ends[at], share)
		}
	}
}

func TestEqualWeightsGetEqualTime(t *testing.T) {
	t.Parallel()
	q := newQueue(64, NewPolicy(nil))
	q.run(t, []string{"A"}, 20*time.Minute) // alone it has everything
	if used := q.ran["A"] / (64 * 20 * 60); used < 0.95 {
		t.Errorf("a lone share used %.0f %%", used*100)
	}
	q.run(t, []string{"A", "B", "C", "D"}, 40*time.Minute) // and is then forgotten to have had it
	clear(q.ran)
	q.run(t, []string{"A", "B", "C", "D"}, 2*time.Hour)
	for share, ran := range q.ran {
		if part := ran / (64 * 7200); math.Abs(part-0.25) > 0.01 {
			t.Errorf("share %s got %.1f %%", share, part*100)
		}
	}
}

func TestWeightOfAnEighthGetsEightTimes(t *testing.T) {
	t.Parallel()
	q := newQueue(90, NewPolicy(&batch.FairSharePolicy{ShareDistribution: []batch.ShareWeight{{ShareIdentifier: "light", WeightFactor: new(0.125)}}}))
	q.run(t, []string{"light", "plain"}, 30*time.Minute)
	clear(q.ran)
	q.run(t, []string{"light", "plain"}, 2*time.Hour)
	if ratio := q.ran["light"] / q.ran["plain"]; math.Abs(ratio-8) > 0.4 {
		t.Errorf("%.2f times as much", ratio)
	}
}

func TestNewcomerCatchesUp(t *testing.T) {
	t.Parallel()
	q := newQueue(32, NewPolicy(&batch.FairSharePolicy{ShareDecaySeconds: new(3600)}))
	q.run(t, []string{"old"}, 2*time.Hour)
	clear(q.ran)
	q.run(t, []string{"new", "old"}, 15*time.Minute)
	if q.ran["new"] < 2*q.ran["old"] {
		t.Errorf("new %v, old %v", q.ran["new"], q.ran["old"])
	}
	q.run(t, []string{"new", "old"}, 4*time.Hour)
	clear(q.ran)
	q.run(t, []string{"new", "old"}, time.Hour)
	if ratio := q.ran["new"] / q.ran["old"]; math.Abs(ratio-1) > 0.05 {
		t.Error(fmt.Sprint("after long they differ by ", ratio))
	}
}
