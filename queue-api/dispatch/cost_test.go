// SPDX-License-Identifier: Apache-2.0

package dispatch

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// endless is a store of one queue in which so many jobs wait, in so many shares if it is fair, that counts what it is asked.
type endless struct {
	*storetest.Memory // for everything that is not counted
	queue             batch.JobQueue
	shares            []string

	mu      sync.Mutex // guards the rest
	waiting int        // in each share
	gone    map[string]int
	held    int64
	calls   map[string]int
	read    int // jobs
}

// newEndless has an environment of 1000 vCPUs of which so many are free.
func newEndless(tb testing.TB, waiting, shares, free int) *endless {
	tb.Helper()
	s := &endless{
		Memory: storetest.NewMemory(), waiting: waiting, gone: map[string]int{}, calls: map[string]int{}, held: int64(1000-free) * 1000,
	}
	q := batch.JobQueue{Name: "q", State: batch.Enabled, Status: batch.ResourceValid, Environments: []batch.EnvironmentOrder{{Order: 1, Name: "e"}}}
	if s.shares = []string{""}; shares > 0 {
		q.SchedulingPolicy, s.shares = "p", nil
		for i := range shares {
			s.shares = append(s.shares, fmt.Sprintf("s%04d", i))
		}
	}
	var err error
	if s.queue, err = s.CreateQueue(tb.Context(), q); err != nil {
		tb.Fatal(err)
	}
	err = s.CreateEnvironment(tb.Context(), batch.ComputeEnvironment{
		Name: "e", UUID: "u", Type: batch.Managed, State: batch.Enabled, Status: batch.ResourceValid, MaxvCPUs: 1000,
	})
	if err != nil {
		tb.Fatal(err)
	}
	_, err = s.RegisterDefinition(tb.Context(), batch.JobDefinition{
		Name: "d", Type: "container",
		ContainerProperties: []byte(`{"image":"i","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}`),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func (s *endless) count(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[call]++
}

func (s *endless) Environments(ctx context.Context) ([]batch.ComputeEnvironment, error) {
	s.count("Environments")
	return s.Memory.Environments(ctx)
}

func (s *endless) Queues(ctx context.Context) ([]batch.JobQueue, error) {
	s.count("Queues")
	return s.Memory.Queues(ctx)
}

func (s *endless) Usage(context.Context, int) (map[string]int64, error) {
	s.count("Usage")
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]int64{"e": s.held}, nil
}

func (s *endless) WaitingShares(context.Context, int) ([]string, error) {
	s.count("WaitingShares")
	return s.shares, nil
}

func (s *endless) Shares(context.Context, int) ([]string, error) {
	s.count("Shares")
	return s.shares, nil
}

func (s *endless) WaitingIn(_ context.Context, queue int, share, after string, limit int) ([]batch.Job, string, error) {
	s.count("WaitingIn")
	return s.page(queue, share, after, limit)
}

func (s *endless) WaitingFirst(_ context.Context, queue int, shares []string, limit int) ([]batch.Page, error) {
	s.count("WaitingFirst")
	pages := make([]batch.Page, len(shares))
	for i, share := range shares {
		pages[i].Jobs, pages[i].Next, _ = s.page(queue, share, "", limit)
	}
	return pages, nil
}

func (s *endless) page(queue int, share, after string, limit int) ([]batch.Job, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := 0
	if after != "" {
		from, _ = strconv.Atoi(after)
	}
	first := s.gone[share] + from
	n := min(limit, s.waiting-first)
	jobs := make([]batch.Job, n)
	for i := range jobs {
		jobs[i] = s.job(queue, share, first+i)
	}
	s.read += n
	return jobs, strconv.Itoa(from + n), nil
}

func (s *endless) job(queue int, share string, n int) batch.Job {
	return batch.Job{
		ID: batch.DeriveJobID(queue, share+strconv.Itoa(n)), Name: "j", Queue: s.queue.Name, ShareIdentifier: share,
		Definition: batch.DefinitionRef{Name: "d", Revision: 1}, Status: batch.StatusRunnable, CreatedAt: time.UnixMilli(int64(n)),
		Requests: batch.Requests{MilliVCPU: 1000, MemoryMiB: 64},
	}
}

func (s *endless) Transition(_ context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	s.count("Transition")
	job := s.job(s.queue.Number, "", 0)
	job.ID = id
	next, err := step(job)
	if err != nil {
		return job, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held += 1000
	s.gone[s.shares[0]]++
	return next, nil
}

// noPods takes every pod and forgets it.
type noPods struct{}

func (noPods) Of(batch.ComputeEnvironment) string             { return "" }
func (noPods) Pods(string) (Pods, bool)                       { return noPods{}, true }
func (noPods) Create(context.Context, *corev1.Pod) error      { return nil }
func (noPods) Withdraw(context.Context, string, string) error { return nil }

func (s *endless) dispatcher() *Dispatcher {
	return New(s, noPods{}, Config{
		Clock: clocktesting.NewFakeClock(time.UnixMilli(1_700_000_000_000)), Pod: podspec.Options{Namespace: "jobs"},
	})
}

// What a round asks of the store depends on what it admits, not on what waits.
func TestCostOfARound(t *testing.T) {
	t.Parallel()
	base := map[string]int{"Environments": 1, "Queues": 1, "Usage": 1}
	with := func(more map[string]int) map[string]int {
		out := map[string]int{}
		for _, m := range []map[string]int{base, more} {
			for call, n := range m {
				out[call] += n
			}
		}
		return out
	}
	cases := map[string]struct {
		free, shares int
		want         map[string]int
		wantRead     int
	}{
		"a full queue costs its head":            {0, 0, with(map[string]int{"WaitingFirst": 1}), 4},
		"500 jobs cost 500 writes and few pages": {500, 0, with(map[string]int{"Environments": 1, "WaitingFirst": 1, "WaitingIn": 4, "Transition": 500}), 4 + 16 + 64 + 2*256},
		"a full fair-share queue costs the heads of its shares": {
			0, 500, with(map[string]int{"WaitingShares": 1, "Shares": 1, "WaitingFirst": 8}), 2000,
		},
	}
	for name, tc := range cases {
		for _, waiting := range []int{1000, 1_000_000} {
			t.Run(fmt.Sprint(name, " of ", waiting), func(t *testing.T) {
				t.Parallel()
				s := newEndless(t, waiting, tc.shares, tc.free)
				if err := s.dispatcher().runOnce(t.Context()); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, s.calls); diff != "" {
					t.Errorf("calls mismatch (-want +got):\n%s", diff)
				}
				if s.read > tc.wantRead {
					t.Errorf("%d jobs read, want at most %d", s.read, tc.wantRead)
				}
			})
		}
	}
}

// BenchmarkAdmit is the time to admit one job while so many wait.
func BenchmarkAdmit(b *testing.B) {
	for _, waiting := range []int{1000, 1_000_000} {
		for _, shares := range []int{0, 500} {
			b.Run(fmt.Sprintf("waiting=%d/shares=%d", waiting, shares), func(b *testing.B) {
				s := newEndless(b, waiting, shares, 1)
				d := s.dispatcher()
				for b.Loop() {
					s.held = 999_000
					s.gone = map[string]int{}
					if err := d.runOnce(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
