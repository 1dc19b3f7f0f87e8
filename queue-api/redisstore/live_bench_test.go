// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// BenchmarkLive reads all jobs that are under way, as a new leader does: the time until it knows a hundred thousand.
func BenchmarkLive(b *testing.B) {
	const jobs = 100_000
	server := redistest.Start(b, "--hash-max-listpack-value", "1024")
	s := New(server.Client, Config{Durability: Volatile})
	q, err := s.CreateQueue(b.Context(), batch.JobQueue{Name: "q"})
	if err != nil {
		b.Fatal(err)
	}
	admit := func(j batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(j, lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "muster-" + j.ID + "-1", PodNamespace: "jobs"}, time.UnixMilli(1))
		return next, err
	}
	var group sync.WaitGroup
	for part := range 64 {
		group.Go(func() {
			for i := part; i < jobs; i += 64 {
				job := batch.Job{
					ID: batch.DeriveJobID(q.Number, strconv.Itoa(i)), Name: "n", Queue: "q", Status: batch.StatusRunnable,
					Requests: batch.Requests{MilliVCPU: 1000, MemoryMiB: 64}, ContainerOverrides: []byte(`{"command":["echo","hello"]}`),
				}
				if _, err := s.Submit(b.Context(), q.Number, job); err != nil {
					b.Error(err)
				}
				if _, err := s.Transition(b.Context(), job.ID, admit); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, pages := range []int{1, 4} {
		b.Run("pages="+strconv.Itoa(pages), func(b *testing.B) {
			before, mine := cpuOf(b, server.Client), ownCPU(b)
			for b.Loop() {
				if n := readLive(b, New(server.Client, Config{Durability: Volatile}), q.Number, pages); n != jobs {
					b.Fatalf("%d jobs", n)
				}
			}
			b.ReportMetric((ownCPU(b)-mine)/float64(b.N), "own-cpu-s/op")
			b.ReportMetric((cpuOf(b, server.Client)-before)/float64(b.N), "redis-cpu-s/op")
		})
	}
}

// readLive leads and reads what is under way, so many pages at once.
func readLive(b *testing.B, s *Store, queue, pages int) int64 {
	b.Helper()
	leader, err := s.Lead(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ids, err := leader.Live(b.Context(), queue)
	if err != nil {
		b.Fatal(err)
	}
	var read atomic.Int64
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(pages)
	for page := range slices.Chunk(ids, 500) {
		group.Go(func() error {
			found, err := leader.Jobs(ctx, page)
			read.Add(int64(len(found)))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	return read.Load()
}

// ownCPU is what this process has worked, in seconds.
func ownCPU(b *testing.B) float64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}
