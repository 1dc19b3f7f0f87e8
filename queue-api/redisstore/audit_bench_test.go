// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"strconv"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// BenchmarkAudit makes a pass over waiting jobs, without rests: what a job costs, of this process and of Redis.
func BenchmarkAudit(b *testing.B) {
	const jobs = 100_000
	server := redistest.Start(b, "--hash-max-listpack-value", "1024")
	s := New(server.Client, Config{Durability: Volatile})
	q, err := s.CreateQueue(b.Context(), batch.JobQueue{Name: "q"})
	if err != nil {
		b.Fatal(err)
	}
	var group sync.WaitGroup
	for part := range 64 {
		group.Go(func() {
			for i := part; i < jobs; i += 64 {
				job := batch.Job{ID: batch.DeriveJobID(q.Number, strconv.Itoa(i)), Name: "n", Queue: "q", Status: batch.StatusRunnable}
				if _, err := s.Submit(b.Context(), q.Number, job); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	before := cpuOf(b, server.Client)
	for b.Loop() {
		n, err := s.Audit(b.Context(), true, func(f batch.Finding) { b.Error(f) }, unpaced)
		if err != nil || n != jobs {
			b.Fatalf("%d records: %v", n, err)
		}
	}
	passes := float64(b.N) * jobs / 1e6
	b.ReportMetric(b.Elapsed().Seconds()/passes, "s/Mjob")
	b.ReportMetric((cpuOf(b, server.Client)-before)/passes, "redis-cpu-s/Mjob")
}

// cpuOf is what Redis has worked, in seconds.
func cpuOf(b *testing.B, client *redis.Client) float64 {
	b.Helper()
	info := parseInfo(client.Info(b.Context(), "cpu").Val())
	var sum float64
	for _, name := range []string{"used_cpu_user", "used_cpu_sys"} {
		n, err := strconv.ParseFloat(info[name], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	return sum
}
