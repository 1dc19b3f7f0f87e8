// SPDX-License-Identifier: Apache-2.0

package fairshare

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
)

var start = time.UnixMilli(1_700_000_000_000).UTC()

// paged serves jobs by share in pages of at most size.
func paged(jobs map[string][]batch.Job, size int) Fetch {
	return func(share, after string, limit int) ([]batch.Job, string, error) {
		list := jobs[share]
		from, _ := strconv.Atoi(after)
		to := min(from+min(limit, size), len(list))
		next := ""
		if to < len(list) {
			next = strconv.Itoa(to)
		}
		return list[from:to], next, nil
	}
}

// unlimited is an environment that has room for all.
func unlimited() []*Budget { return []*Budget{{Name: "x", Accepts: true, Unlimited: true}} }

// admitted are the ids of the jobs that were, in order.
func admitted(verdicts []Verdict) []string {
	var ids []string
	for _, v := range verdicts {
		if v.Environment != "" {
			ids = append(ids, v.Job.ID)
		}
	}
	return ids
}

func at(job batch.Job, second int) batch.Job {
	job.CreatedAt = start.Add(time.Duration(second) * time.Second)
	return job
}

func TestFairShareOrder(t *testing.T) {
	t.Parallel()
	weights := func(list ...batch.ShareWeight) Policy {
		return NewPolicy(&batch.FairSharePolicy{ShareDistribution: list})
	}
	two := map[string][]batch.Job{
		"A": {at(job("a1", 1000), 1), at(job("a2", 1000), 2), at(job("a3", 1000), 3)},
		"B": {at(job("b1", 1000), 4), at(job("b2", 1000), 5), at(job("b3", 1000), 6)},
	}
	cases := map[string]struct { // contract 5.3
		jobs    map[string][]batch.Job
		running map[string]int64
		used    map[string]*Account
		policy  Policy
		want    []string
	}{
		"equal shares take turns, the oldest job first": {jobs: two, policy: weights(), want: []string{"a1", "b1", "a2", "b2", "a3", "b3"}},
		"what a share runs counts":                      {jobs: two, policy: weights(), running: map[string]int64{"A": 2000}, want: []string{"b1", "b2", "a1", "b3", "a2", "a3"}},
		"what a share ran counts":                       {jobs: two, policy: weights(), used: map[string]*Account{"A": {Used: 1500 * 300}}, want: []string{"b1", "b2", "a1", "b3", "a2", "a3"}},
		"half the weight factor gets twice as much":     {jobs: two, policy: weights(batch.ShareWeight{ShareIdentifier: "B", WeightFactor: new(0.5)}), want: []string{"a1", "b1", "b2", "a2", "b3", "a3"}},
		"a large job counts for what it is": {
			jobs:   map[string][]batch.Job{"A": {at(job("a1", 3000), 1), at(job("a2", 1000), 2)}, "B": two["B"]},
			policy: weights(), want: []string{"a1", "b1", "b2", "b3", "a2"},
		},
		"a share's own order is the store's": {
			jobs:   map[string][]batch.Job{"A": {at(job("urgent", 1000), 9), at(job("old", 1000), 1)}},
			policy: weights(), want: []string{"urgent", "old"},
		},
		"a lone share may use everything": {jobs: map[string][]batch.Job{"A": two["A"]}, running: map[string]int64{"A": 900_000}, policy: weights(), want: []string{"a1", "a2", "a3"}},
		"a share without jobs":            {jobs: map[string][]batch.Job{"A": nil, "B": two["B"]}, policy: weights(), want: []string{"b1", "b2", "b3"}},
		"jobs of the same age: by share":  {jobs: map[string][]batch.Job{"B": {job("b", 1)}, "A": {job("a", 1)}}, policy: weights(), want: []string{"a", "b"}},
	}
	for name, tc := range cases {
		for _, size := range []int{1, 2, 100} {
			t.Run(fmt.Sprintf("%s/pages of %d", name, size), func(t *testing.T) {
				t.Parallel()
				ledger := &Ledger{At: start, Shares: tc.used}
				var shares []string
				for id := range tc.jobs {
					shares = append(shares, id)
				}
				order := NewFairShare(shares, ledger, tc.running, tc.policy, paged(tc.jobs, size))
				verdicts, head, err := Admit(order, unlimited(), Options{})
				if err != nil || head.JobID != "" {
					t.Fatalf("head %v, error %v", head, err)
				}
				if diff := cmp.Diff(tc.want, admitted(verdicts)); diff != "" {
					t.Errorf("order mismatch (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestOrderFetchesOnlyWhatIsNeeded(t *testing.T) {
	t.Parallel()
	jobs, calls := map[string][]batch.Job{}, 0
	running := map[string]int64{}
	var shares []string
	for i := range 100 {
		id := fmt.Sprintf("s%02d", i)
		shares, running[id] = append(shares, id), int64(i)*1000
		for j := range 10 {
			jobs[id] = append(jobs[id], job(fmt.Sprintf("%s-%d", id, j), 500))
		}
	}
	fetch := func(share, after string, limit int) ([]batch.Job, string, error) {
		calls++
		return paged(jobs, 1000)(share, after, limit)
	}
	order := NewFairShare(shares, &Ledger{}, running, NewPolicy(nil), fetch)
	verdicts, _, err := Admit(order, unlimited(), Options{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"s00-0", "s00-1", "s00-2"}, admitted(verdicts)); diff != "" {
		t.Errorf("order mismatch (-want +got):\n%s", diff)
	}
	if calls > 3 {
		t.Errorf("%d pages read for 3 jobs of 100 shares", calls)
	}
}

func TestOrderEndsWithTheStoresError(t *testing.T) {
	t.Parallel()
	errAway := errors.New("away")
	fetch := func(share, after string, _ int) ([]batch.Job, string, error) {
		if after != "" {
			return nil, "", errAway
		}
		return []batch.Job{job(share, 1)}, "more", nil
	}
	verdicts, _, err := Admit(NewFIFO(fetch), unlimited(), Options{})
	if !errors.Is(err, errAway) || len(verdicts) != 1 {
		t.Errorf("got %v after %d verdicts", err, len(verdicts))
	}
}

// history is what each share ran in consecutive spans of time.
type history struct {
	spans   []time.Duration
	running []map[string]int64 // by span
}

// used is U of a share by numeric integration of what it ran, each moment faded since.
func (h history) used(share string, tau time.Duration) float64 {
	var end, begin, sum float64
	for _, s := range h.spans {
		end += s.Seconds()
	}
	for i, span := range h.spans {
		const n = 64 // Simpson's rule
		step := span.Seconds() / n
		for k := range n + 1 {
			factor := 2.0
			switch {
			case k == 0 || k == n:
				factor = 1
			case k%2 == 1:
				factor = 4
			}
			age := end - (begin + float64(k)*step)
			sum += factor * step / 3 * float64(h.running[i][share]) * math.Exp(-age/tau.Seconds())
		}
		begin += span.Seconds()
	}
	return sum
}

// slowOrder is the fair-share order as the contract tells it: every score anew from the history for every job.
type slowOrder struct {
	history history
	policy  Policy
	jobs    map[string][]batch.Job
	charged map[string]int64
	used    map[string]float64
}

func (o *slowOrder) score(share string) float64 {
	last := o.history.running[len(o.history.running)-1]
	return (o.used[share]/o.policy.Tau().Seconds() + float64(last[share]+o.charged[share])) * o.policy.Weight(share)
}

// next gives the shares that may go next: the one with the lowest score, the oldest of those that are equal, and any whose
// score differs by no more than integration errs.
func (o *slowOrder) next() (best string, near []string) {
	for id, jobs := range o.jobs {
		if len(jobs) == 0 {
			continue
		}
		if best == "" || o.isBefore(id, best) {
			best = id
		}
	}
	for id, jobs := range o.jobs {
		if len(jobs) > 0 && o.used[id] > 0 && o.score(id) <= o.score(best)*(1+1e-6) {
			near = append(near, id)
		}
	}
	return best, near
}

func (o *slowOrder) isBefore(a, b string) bool {
	if o.score(a) != o.score(b) {
		return o.score(a) < o.score(b)
	}
	x, y := o.jobs[a][0].CreatedAt, o.jobs[b][0].CreatedAt
	return x.Before(y) || x.Equal(y) && a < b
}

func TestOrderIsWhatTheSlowWayGives(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4000) {
		compareOnce(t, rand.New(rand.NewPCG(seed, 1)))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func compareOnce(t *testing.T, r *rand.Rand) {
	t.Helper()
	policy := NewPolicy(&batch.FairSharePolicy{
		ShareDecaySeconds: new(r.IntN(2000)),
		ShareDistribution: []batch.ShareWeight{
			{ShareIdentifier: "team*", WeightFactor: new(0.5)}, {ShareIdentifier: "team1", WeightFactor: new(0.125)}, {ShareIdentifier: "user2"},
		},
	})
	jobs := map[string][]batch.Job{}
	for i := range 1 + r.IntN(6) {
		id := []string{"team", "user"}[r.IntN(2)] + strconv.Itoa(i)
		for j := range r.IntN(12) {
			jobs[id] = append(jobs[id], at(job(fmt.Sprintf("%s-%d", id, j), 250*(1+r.Int64N(8))), r.IntN(20)))
		}
	}
	var shares []string
	for id := range jobs {
		shares = append(shares, id)
	}
	slices.Sort(shares)
	ledger, h := anyHistory(r, shares, policy.Tau())
	short := func(j batch.Job) string {
		return map[bool]string{true: "licence"}[len(j.ID)%2 == 0 && j.ID[len(j.ID)-1] == '3']
	}
	running := h.running[len(h.running)-1]
	order := NewFairShare(shares, ledger, running, policy, paged(jobs, 1+r.IntN(5)))
	verdicts, _, err := Admit(order, unlimited(), Options{Take: short})
	if err != nil {
		t.Fatal(err)
	}
	slow := slowOrder{history: h, policy: policy, jobs: jobs, charged: map[string]int64{}, used: map[string]float64{}}
	total := 0
	for _, id := range shares {
		slow.used[id] = h.used(id, policy.Tau())
		total += len(jobs[id])
	}
	if len(verdicts) != total {
		t.Fatalf("%d verdicts about %d jobs", len(verdicts), total)
	}
	for i, v := range verdicts {
		share := v.Job.ID[:len("team1")]
		best, near := slow.next()
		if share != best && !slices.Contains(near, share) {
			t.Fatalf("job %d is of share %s with %g, want %s with %g", i, share, slow.score(share), best, slow.score(best))
		}
		if v.Job.ID != slow.jobs[share][0].ID {
			t.Fatalf("job %d is %s, want %s", i, v.Job.ID, slow.jobs[share][0].ID)
		}
		slow.jobs[share] = slow.jobs[share][1:]
		if (v.Environment == "") != (short(v.Job) != "") {
			t.Fatalf("job %s: verdict %+v", v.Job.ID, v)
		}
		if v.Environment != "" {
			slow.charged[share] += v.Job.Requests.MilliVCPU
		}
	}
}

// anyHistory draws a history and the ledger that saw it, saved and read again now and then.
func anyHistory(r *rand.Rand, shares []string, tau time.Duration) (*Ledger, history) {
	var h history
	ledger, _ := ReadLedger(nil)
	now := start
	ledger.Advance(now, nil, tau)
	for range 1 + r.IntN(6) {
		span := time.Duration(r.Int64N(int64(tau)))
		running := map[string]int64{}
		for _, id := range shares {
			if r.IntN(3) > 0 {
				running[id] = 250 * r.Int64N(40)
			}
		}
		for left := span; left > 0; { // in as many rounds as it likes
			step := min(left, 1+time.Duration(r.Int64N(int64(tau))))
			left -= step
			now = now.Add(step)
			ledger.Advance(now, running, tau)
		}
		if r.IntN(2) == 0 {
			text, _ := ledger.Bytes()
			ledger, _ = ReadLedger(text)
		}
		h.spans, h.running = append(h.spans, span), append(h.running, running)
	}
	return ledger, h
}

// BenchmarkThousandOfAMillion is the order of the next 1,000 jobs of a queue with 500 shares and a million jobs. Its bound
// is 50 ms.
func BenchmarkThousandOfAMillion(b *testing.B) {
	const shares, each = 500, 2000
	r := rand.New(rand.NewPCG(1, 1))
	ids, running := make([]string, shares), map[string]int64{}
	ledger, _ := ReadLedger(nil)
	for i := range ids {
		ids[i] = fmt.Sprintf("share%03d", i)
		if i%2 == 0 { // the others are equal, so that the heads of all must be seen
			running[ids[i]] = 1000 * r.Int64N(20)
		}
	}
	ledger.Advance(start, running, 300*time.Second)
	ledger.Advance(start.Add(time.Minute), running, 300*time.Second)
	fetch := func(share, after string, limit int) ([]batch.Job, string, error) {
		from, _ := strconv.Atoi(after)
		page := make([]batch.Job, 0, limit)
		for i := from; i < min(from+limit, each); i++ {
			page = append(page, at(job(share, 1000), i))
		}
		return page, strconv.Itoa(from + len(page)), nil
	}
	policy := NewPolicy(nil)
	for b.Loop() {
		order := NewFairShare(ids, ledger, running, policy, fetch)
		if verdicts, _, err := Admit(order, unlimited(), Options{Limit: 1000}); err != nil || len(verdicts) != 1000 {
			b.Fatal(len(verdicts), err)
		}
	}
	if each := b.Elapsed() / time.Duration(b.N); each > 50*time.Millisecond {
		b.Errorf("%v for the next 1,000 jobs, want at most 50 ms", each)
	}
}
