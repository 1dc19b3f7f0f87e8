// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"errors"
	"testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redistest"
)

func TestJobsOfAQueueAreBounded(t *testing.T) {
	t.Parallel()
	const most = 3
	s := New(startRedis(t, redistest.Safe()...), Config{MaxJobs: most})
	q, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	submit := func(status batch.JobStatus) (string, error) {
		job := makeJob(t, q.Number, func(j *batch.Job) { j.Status = status })
		_, err := s.Submit(t.Context(), q.Number, job)
		return job.ID, err
	}
	var first string
	for i, status := range []batch.JobStatus{batch.StatusRunnable, batch.StatusPending, batch.StatusSubmitted} {
		id, err := submit(status)
		if err != nil {
			t.Fatalf("job %d of %d: %v", i+1, most, err)
		}
		if i == 0 {
			first = id
		}
	}
	if _, err := submit(batch.StatusRunnable); !errors.Is(err, batch.ErrQueueFull) {
		t.Errorf("one more: got %v, want %v", err, batch.ErrQueueFull)
	}
	if err := s.CreateEnvironment(t.Context(), batch.ComputeEnvironment{Name: "ce"}); err != nil {
		t.Errorf("a write that is no submission: %v", err)
	}
	end := func(j batch.Job) (batch.Job, error) { j.Status = batch.StatusFailed; return j, nil }
	if _, err := s.Transition(t.Context(), first, end); err != nil {
		t.Fatal(err)
	}
	if _, err := submit(batch.StatusRunnable); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
	if _, err := submit(batch.StatusRunnable); !errors.Is(err, batch.ErrQueueFull) {
		t.Errorf("one more then: got %v, want %v", err, batch.ErrQueueFull)
	}
}
