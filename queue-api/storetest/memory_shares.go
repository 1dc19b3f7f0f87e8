// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/muster-batch/muster/queue-api/batch"
)

func isRetried(j batch.Job) bool { return len(j.Attempts) > 0 }

// waiting gives what waits, in the queue's order, of all shares. The caller holds mu.
func (m *Memory) waiting(queueNumber int) []batch.Job {
	jobs := m.runs(queueNumber, func(j batch.Job) bool { return j.IsWaiting() })
	slices.SortStableFunc(jobs, func(a, b batch.Job) int {
		return cmp.Or(cmp.Compare(b.SchedulingPriority, a.SchedulingPriority), cmp.Compare(min(1, len(b.Attempts)), min(1, len(a.Attempts))))
	})
	return jobs
}

func (m *Memory) waitingIn(queueNumber int, share string) []batch.Job {
	return slices.DeleteFunc(m.waiting(queueNumber), func(j batch.Job) bool { return j.ShareIdentifier != share })
}

// WaitingShares implements Store.
func (m *Memory) WaitingShares(_ context.Context, queueNumber int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	shares := map[string]bool{}
	for _, job := range m.waiting(queueNumber) {
		shares[job.ShareIdentifier] = true
	}
	return slices.Sorted(maps.Keys(shares)), nil
}

// WaitingIn implements Store. A page is as good as its moment: after is how many jobs were given before.
func (m *Memory) WaitingIn(_ context.Context, queueNumber int, share, after string, limit int) ([]batch.Job, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := 0
	if after != "" {
		n, err := strconv.Atoi(after)
		if err != nil {
			return nil, "", batch.Invalidf("nextToken: not a token of this list")
		}
		from = n
	}
	jobs := m.waitingIn(queueNumber, share)
	from = min(from, len(jobs))
	to := min(from+limit, len(jobs))
	if to == len(jobs) {
		return jobs[from:], "", nil
	}
	return jobs[from:to], strconv.Itoa(to), nil
}

// WaitingFirst implements Store.
func (m *Memory) WaitingFirst(ctx context.Context, queueNumber int, shares []string, limit int) ([]batch.Page, error) {
	pages := make([]batch.Page, len(shares))
	for i, share := range shares {
		jobs, next, err := m.WaitingIn(ctx, queueNumber, share, "", limit)
		if err != nil {
			return nil, err
		}
		pages[i] = batch.Page{Jobs: jobs, Next: next}
	}
	return pages, nil
}

// Positions implements Store.
func (m *Memory) Positions(ctx context.Context, jobs []batch.Job) ([]batch.Place, error) {
	places := make([]batch.Place, len(jobs))
	for i := range jobs {
		ahead, of, err := m.Position(ctx, jobs[i].ID)
		if err == nil {
			places[i] = batch.Place{Ahead: ahead, Of: of}
		}
	}
	return places, nil
}

// Position implements Store.
func (m *Memory) Position(_ context.Context, id string) (ahead, of int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	job, err := m.find(id)
	if err != nil || !job.IsWaiting() {
		return 0, 0, batch.ErrNotFound
	}
	var entries []string
	for _, j := range m.waitingIn(queueOf(id), job.ShareIdentifier) {
		if e := entryOf(j); !slices.Contains(entries, e) {
			entries = append(entries, e)
		}
	}
	return slices.Index(entries, entryOf(job)), len(entries), nil
}

// entryOf names the entry of a queue in which a waiting job stands: the array for its children, but not for a retried one.
func entryOf(job batch.Job) string {
	ref, _ := batch.ParseJobID(job.ID)
	if isRetried(job) {
		return job.ID
	}
	return ref.Job
}

// ShareUsage implements Store.
func (m *Memory) ShareUsage(_ context.Context, queueNumber int) (map[string]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]int64{}
	for _, job := range m.runs(queueNumber, isLive) {
		out[job.ShareIdentifier] += job.Requests.MilliVCPU
	}
	return out, nil
}

// Shares implements Store.
func (m *Memory) Shares(_ context.Context, queueNumber int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.shares[queueNumber])), nil
}

// ForgetShare implements Store.
func (m *Memory) ForgetShare(_ context.Context, queueNumber int, share string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	busy := m.runs(queueNumber, func(j batch.Job) bool { return j.ShareIdentifier == share && (j.IsWaiting() || isLive(j)) })
	if len(busy) == 0 {
		delete(m.shares[queueNumber], share)
	}
	return nil
}

func (m *Memory) activate(queueNumber int, share string) {
	if m.shares[queueNumber] == nil {
		m.shares[queueNumber] = map[string]bool{}
	}
	m.shares[queueNumber][share] = true
}

// LoadShareLedger implements Store.
func (m *Memory) LoadShareLedger(_ context.Context, queueNumber int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.ledgers[queueNumber]), nil
}

// SaveShareLedger implements Store.
func (m *Memory) SaveShareLedger(_ context.Context, queueNumber int, ledger []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ledgers[queueNumber] = slices.Clone(ledger)
	return nil
}

// LoadPace implements Store.
func (m *Memory) LoadPace(_ context.Context, queueNumber int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.paces[queueNumber]), nil
}

// SavePace implements Store.
func (m *Memory) SavePace(_ context.Context, queueNumber int, pace []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paces[queueNumber] = slices.Clone(pace)
	return nil
}

// WaitingSizes implements Store.
func (m *Memory) WaitingSizes(_ context.Context, queueNumber int) (map[string]int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	entries := map[string]map[string]bool{}
	for _, job := range m.waiting(queueNumber) {
		if entries[job.ShareIdentifier] == nil {
			entries[job.ShareIdentifier] = map[string]bool{}
		}
		entries[job.ShareIdentifier][entryOf(job)] = true
	}
	sizes := make(map[string]int, len(entries))
	for share, of := range entries {
		sizes[share] = len(of)
	}
	return sizes, nil
}

// JobsFirst implements Store.
func (m *Memory) JobsFirst(_ context.Context, queueNumber int, entries map[string]int) (map[string]int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	jobs := map[string]int{}
	for share, n := range entries {
		seen := map[string]bool{}
		for _, job := range m.waitingIn(queueNumber, share) {
			if seen[entryOf(job)] = true; len(seen) > n {
				break
			}
			jobs[share]++
		}
	}
	return jobs, nil
}
