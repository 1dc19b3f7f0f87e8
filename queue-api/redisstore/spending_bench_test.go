// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// BenchmarkSpending ends attempts of jobs: what that takes of Redis, and what a job takes that has ended, without and with what it cost,
// for no tag and for as many as are counted.
func BenchmarkSpending(b *testing.B) {
	for name, tc := range map[string]struct {
		tags   int
		isKept bool
	}{"unpriced": {}, "no tags": {0, true}, "10 tags": {batch.MaxJobSpendingTags, true}} {
		b.Run(name, func(b *testing.B) { benchmarkSpending(b, tc.tags, tc.isKept) })
	}
}

func benchmarkSpending(b *testing.B, tags int, isKept bool) {
	b.Helper()
	client := redistest.Start(b).Client
	s, ctx := New(client, Config{}), b.Context()
	q, err := s.CreateQueue(ctx, batch.JobQueue{Name: "q"})
	if err != nil {
		b.Fatal(err)
	}
	job := batch.Job{Name: "j", Queue: "q", CreatedAt: time.Now(), Status: batch.StatusRunnable, Tags: map[string]string{}}
	for i := range tags {
		job.Tags["tag-"+strconv.Itoa(i)] = "value"
	}
	ids := make([]string, b.N)
	for i := range ids {
		if job.ID, err = batch.NewJobID(q.Number, nil); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Submit(ctx, q.Number, job); err != nil {
			b.Fatal(err)
		}
		ids[i] = job.ID
		changeOf(b, s, job.ID, func(j *batch.Job) {
			j.Current = &batch.Attempt{Number: 1, ComputeEnvironment: "ce", PodName: "aws-batch.p", PodNamespace: "jobs", NodeName: "node", AdmittedAt: time.Now()}
			if isKept {
				j.Current.Host = &batch.Host{InstanceType: "m5.large", CapacityType: "ON_DEMAND", PricePerHour: 0.096, Share: 0.25, BoundAt: time.Now().Truncate(time.Second).UTC()}
			}
		})
	}
	before := scriptTime(ctx, b, client)
	b.ResetTimer()
	for _, id := range ids {
		changeOf(b, s, id, func(j *batch.Job) {
			a := *j.Current
			a.StartedAt, a.StoppedAt = time.Now(), time.Now().Add(time.Hour)
			j.Attempts, j.Current, j.Status, j.StoppedAt = append(j.Attempts, a), nil, batch.StatusSucceeded, a.StoppedAt
		})
	}
	b.StopTimer()
	b.ReportMetric((scriptTime(ctx, b, client)-before)/float64(b.N), "redis-µs/job")
	at, err := locate(ids[0])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(client.MemoryUsage(ctx, at.record()).Val()), "record-B/job")
}

func changeOf(b *testing.B, s *Store, id string, with func(*batch.Job)) {
	b.Helper()
	if _, err := s.Transition(b.Context(), id, func(j batch.Job) (batch.Job, error) { with(&j); return j, nil }); err != nil {
		b.Fatal(err)
	}
}

var usecOfScripts = regexp.MustCompile(`cmdstat_evalsha:calls=\d+,usec=(\d+)`)

// scriptTime is what scripts took of Redis, in µs.
func scriptTime(ctx context.Context, b *testing.B, client redis.UniversalClient) float64 {
	b.Helper()
	found := usecOfScripts.FindStringSubmatch(strings.ReplaceAll(client.Info(ctx, "commandstats").Val(), "\r", ""))
	if found == nil {
		b.Fatal("Redis tells no times of scripts")
	}
	usec, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return usec
}
