// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Submit implements storetest.Store.
func (s *Store) Submit(ctx context.Context, queueNumber int, job batch.Job) (batch.Job, error) {
	sub, err := encodeSubmitted(job)
	if err != nil {
		return batch.Job{}, fmt.Errorf("encode job %s: %w", job.ID, err)
	}
	mut, err := encodeMutable(job)
	if err != nil {
		return batch.Job{}, fmt.Errorf("encode job %s: %w", job.ID, err)
	}
	q := slotOf(queueNumber)
	keys := []string{q.job(job.ID), q.status(job.Status), q.waiting(), q.order(), q.events(), q.closed()}
	v, err := s.run(ctx, s.scripts.submit, keys, job.ID, sub, mut, string(job.Status), flag(job.IsWaiting()),
		s.clock.Now().UnixMilli(), s.eventsKept,
		changes, Change{Queue: queueNumber}.String())
	if err != nil {
		return batch.Job{}, err
	}
	id, ok := v.(string)
	if !ok {
		return batch.Job{}, batch.ErrNotFound
	}
	if id == "" {
		return s.Job(ctx, job.ID)
	}
	job.Version = 1
	return job, nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Job implements storetest.Store.
func (s *Store) Job(ctx context.Context, id string) (batch.Job, error) {
	q, err := slotOfJob(id)
	if err != nil {
		return batch.Job{}, err
	}
	fields, err := s.client.HMGet(ctx, q.job(id), "s", "m", "v").Result()
	if err != nil {
		return batch.Job{}, wrap(err)
	}
	return decodeJob(id, fields)
}

// Jobs implements storetest.Store.
func (s *Store) Jobs(ctx context.Context, ids []string) ([]batch.Job, error) {
	pipe := s.client.Pipeline()
	replies := make(map[string]*redis.SliceCmd, len(ids))
	for _, id := range ids {
		if q, err := slotOfJob(id); err == nil {
			replies[id] = pipe.HMGet(ctx, q.job(id), "s", "m", "v")
		}
	}
	if len(replies) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrap(err)
	}
	var out []batch.Job
	for _, id := range ids {
		reply, ok := replies[id]
		if !ok {
			continue
		}
		job, err := decodeJob(id, reply.Val())
		if errors.Is(err, batch.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, job)
	}
	return out, nil
}

// Transition implements storetest.Store.
func (s *Store) Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	for range casAttempts {
		old, err := s.Job(ctx, id)
		if err != nil {
			return batch.Job{}, err
		}
		next, err := step(old)
		if err != nil || reflect.DeepEqual(old, next) {
			return old, err
		}
		outcome, err := s.write(ctx, old, next)
		if err != nil {
			return old, err
		}
		switch outcome {
		case "ok":
			next.Version = old.Version + 1
			return next, nil
		case "stale":
			return old, batch.ErrStaleEpoch
		case "missing":
			return batch.Job{}, batch.ErrNotFound
		}
	}
	return batch.Job{}, fmt.Errorf("job %s: %w", id, batch.ErrConflict)
}

// write runs the transition script for the difference between two states of a job.
func (s *Store) write(ctx context.Context, old, next batch.Job) (any, error) {
	q, err := slotOfJob(next.ID)
	if err != nil {
		return nil, err
	}
	mut, err := encodeMutable(next)
	if err != nil {
		return nil, fmt.Errorf("encode job %s: %w", next.ID, err)
	}
	retention := 0
	if next.Status.IsTerminal() {
		retention = int(s.retention.Seconds())
	}
	environment, milli := charge(old, next)
	keys := []string{
		q.job(next.ID), q.status(old.Status), q.status(next.Status), q.waiting(), q.live(), q.usage(), q.events(), q.epoch(),
	}
	return s.run(ctx, s.scripts.transition, keys, next.ID, strconv.FormatInt(old.Version, 10), s.epoch, mut,
		string(old.Status), string(next.Status), s.clock.Now().UnixMilli(), waitingMove(old, next), liveMove(old, next),
		environment, milli, retention, s.eventsKept, changes, s.hint(old, next))
}

// hint tells the leader what an API call did, and that a job is to be stopped; the leader need not tell itself the rest.
func (s *Store) hint(old, next batch.Job) string {
	if s.epoch > 0 && (old.Stop != nil || next.Stop == nil) {
		return ""
	}
	return Change{Job: next.ID}.String()
}

func waitingMove(old, next batch.Job) string {
	switch {
	case old.IsWaiting() == next.IsWaiting():
		return ""
	case !next.IsWaiting():
		return "out"
	case len(next.Attempts) > 0:
		return "front" // AWS Batch: a retried job goes before those that never ran
	default:
		return "in"
	}
}

func liveMove(old, next batch.Job) string {
	switch {
	case (old.Current == nil) == (next.Current == nil):
		return ""
	case next.Current == nil:
		return "out"
	default:
		return "in"
	}
}

// charge is the change of what an environment holds for the queue.
func charge(old, next batch.Job) (environment string, milliVCPU int64) {
	switch liveMove(old, next) {
	case "in":
		return next.Current.ComputeEnvironment, next.Requests.MilliVCPU
	case "out":
		return old.Current.ComputeEnvironment, -old.Requests.MilliVCPU
	default:
		return "", 0
	}
}
