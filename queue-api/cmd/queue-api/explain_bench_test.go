// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/explain"
	"github.com/muster-batch/muster/queue-api/redisstore"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// BenchmarkExplain explains waiting jobs, one after the other, of a queue in which a million wait.
func BenchmarkExplain(b *testing.B) {
	const jobs = 1_000_000
	server := redistest.Start(b, "--hash-max-listpack-value", "1024")
	store := redisstore.New(server.Client, redisstore.Config{Durability: redisstore.Volatile})
	q, err := store.CreateQueue(b.Context(), batch.JobQueue{
		Name: "q", State: batch.Enabled, Status: batch.ResourceValid, Environments: []batch.EnvironmentOrder{{Order: 1, Name: "ce"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	err = store.CreateEnvironment(b.Context(), batch.ComputeEnvironment{
		Name: "ce", UUID: "u", Type: batch.Managed, State: batch.Enabled, Status: batch.ResourceValid, MaxvCPUs: 8,
	})
	if err != nil {
		b.Fatal(err)
	}
	id := func(i int) string { return batch.DeriveJobID(q.Number, strconv.Itoa(i)) }
	var group sync.WaitGroup
	for part := range 256 {
		group.Go(func() {
			for i := part; i < jobs; i += 256 {
				job := batch.Job{ID: id(i), Name: "n", Queue: "q", Status: batch.StatusRunnable, Requests: batch.Requests{MilliVCPU: 1000, MemoryMiB: 64}}
				if _, err := store.Submit(b.Context(), q.Number, job); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	service, err := controlplane.New(store, clock.RealClock{}, controlplane.Config{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e, err := service.ExplainJob(b.Context(), batch.Call{}, &explain.Request{JobID: id(rand.IntN(jobs))})
		if err != nil || e.Position == nil || e.Position.Of != jobs {
			b.Fatalf("%+v, %v", e, err)
		}
	}
}
