// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// FuzzMutable reads anything as what a transition wrote: what is read is written so that it reads the same.
func FuzzMutable(f *testing.F) {
	f.Add("R")
	f.Add("U{\"r\":\"x\",\"b\":1,\"c\":{\"number\":1},\"u\":[\"a\"],\"x\":{},\"z\":{}}")
	f.Fuzz(func(t *testing.T, s string) {
		r := record{mutable: s, version: "1"}
		var job, again batch.Job
		if r.change(&job) != nil {
			return
		}
		written, err := encodeMutable(&job)
		if err != nil {
			return // a time that JSON cannot say
		}
		r.mutable = written
		if err := r.change(&again); err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		if diff := cmp.Diff(job, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-read +again):\n%s", diff)
		}
	})
}

// FuzzScripts hands the scripts whatever a caller may write: each text comes back as it was, and nothing else changes.
func FuzzScripts(f *testing.F) {
	f.Add("name", "share", "key", "value", "reason", int16(5), uint8(0))
	f.Add("{q}", "\r\n*1\r\n", "]]", "\x00\xff", "\"'\\", int16(-1), uint8(3))
	server := miniredis.RunT(f)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	f.Cleanup(func() { _ = client.Close() })
	f.Fuzz(func(t *testing.T, name, share, key, value, reason string, priority int16, size uint8) {
		for _, text := range []string{name, share, key, value, reason} {
			if !utf8.ValidString(text) { // JSON, in which they come, has no other
				return
			}
		}
		server.FlushAll()
		s := New(client, Config{})
		queue, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
		if err != nil {
			t.Fatal(err)
		}
		job := batch.Job{
			ID: batch.DeriveJobID(queue.Number, name), Name: name, Queue: "q", ShareIdentifier: share, SchedulingPriority: int(priority),
			Definition: batch.DefinitionRef{Name: "d", Revision: 1}, CreatedAt: time.UnixMilli(1).UTC(), Status: batch.StatusRunnable,
			Parameters: map[string]string{key: value}, Tags: map[string]string{key: value}, ArraySize: int(size),
		}
		if job.IsArray() {
			job.Status = batch.StatusPending
		}
		if _, err := s.Submit(t.Context(), queue.Number, job); err != nil {
			t.Fatal(err)
		}
		id := job.ID
		if job.IsArray() {
			id = batch.ChildID(job.ID, 0)
		}
		got, err := s.Transition(t.Context(), id, func(j batch.Job) (batch.Job, error) {
			j.Status, j.StatusReason, j.StoppedAt = batch.StatusFailed, reason, time.UnixMilli(2).UTC()
			return j, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		read, err := New(client, Config{}).Job(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, read, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("job (-written +read):\n%s", diff)
		}
		if read.Name != name || read.ShareIdentifier != share || read.StatusReason != reason || read.Parameters[key] != value {
			t.Errorf("read %+v", read)
		}
		if waiting, _, err := s.WaitingIn(t.Context(), queue.Number, share, "", 10); err != nil || len(waiting) != min(10, max(0, int(size)-1)) {
			t.Errorf("%d wait in the share: %v", len(waiting), err)
		}
	})
}
