// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Submit implements storetest.Store.
func (s *Store) Submit(ctx context.Context, queueNumber int, job batch.Job) (batch.Job, error) {
	return s.submit(ctx, queueNumber, job, "")
}

// SubmitSeen implements storetest.Store.
func (s *Store) SubmitSeen(ctx context.Context, t batch.Target, job batch.Job) (batch.Job, error) {
	return s.submit(ctx, t.Queue.Number, job, t.View)
}

// submit stores a job if view, unless it is empty, is that of the queue.
func (s *Store) submit(ctx context.Context, queueNumber int, job batch.Job, view string) (batch.Job, error) {
	at, err := locate(job.ID)
	if err != nil {
		return batch.Job{}, err
	}
	digest, encoded, err := encodeSpec(&job)
	if err != nil {
		return batch.Job{}, err
	}
	fields, err := newRecord(&job, digest)
	if err != nil {
		return batch.Job{}, err
	}
	where, entry := "", at.id
	if isOpen(&job) {
		entry = at.id.arrayEntry()
	}
	if job.IsWaiting() || isOpen(&job) {
		where = place(job.SchedulingPriority, false)
	}
	keys := []string{
		at.record(), at.status(job.Status), at.waiting(job.ShareIdentifier), at.waitingShares(), at.activeShares(), at.order(),
		at.events(), at.closed(), at.specs(), at.specReferences(), at.settled(), at.marks(), at.view(),
		at.status(batch.StatusSubmitted), at.status(batch.StatusPending), at.status(batch.StatusRunnable),
		at.status(batch.StatusStarting), at.status(batch.StatusRunning),
	}
	for _, c := range job.Consumables {
		keys = append(keys, at.consumers(c.Name))
	}
	args := append([]any{
		string(at.id), letterOf(job.Status), where, string(entry), job.ShareIdentifier, digest, encoded,
		flag(job.IsArray() && job.HasOwnDependencies()), s.clock.Now().UnixMilli(), s.maxShares, s.eventsKept,
		changes, Change{Queue: queueNumber}.String(), view, s.maxJobs,
	}, fields...)
	outcome, err := s.run(ctx, s.scripts.submit, keys, args...)
	if err != nil {
		return batch.Job{}, err
	}
	switch outcome {
	case "ok":
		job.Version = 1
		if job.IsArray() {
			job.Children = children(&job, "")
		}
		s.changed(&batch.Job{}, &job)
		return job, nil
	case "exists":
		return s.repeated(ctx, at)
	case "full":
		return batch.Job{}, fmt.Errorf("it has %d unfinished jobs, %w", s.maxJobs, batch.ErrQueueFull)
	case "limit":
		return batch.Job{}, batch.ErrLimit
	case "changed":
		return batch.Job{}, batch.ErrConflict
	default:
		return batch.Job{}, batch.ErrNotFound
	}
}

// repeated gives the job of a submission that was made before.
func (s *Store) repeated(ctx context.Context, at address) (batch.Job, error) {
	if err := s.confirm(ctx, at.slot); err != nil {
		return batch.Job{}, err
	}
	job, err := s.Job(ctx, at.String())
	if errors.Is(err, batch.ErrNotFound) { // the master that had it is none any more
		return job, fmt.Errorf("redis: job %s: %w", at, errNotReplicated)
	}
	return job, err
}

// newRecord gives the fields of a new job's record and their values.
func newRecord(job *batch.Job, digest string) ([]any, error) {
	mutable, err := encodeMutable(job)
	if err != nil {
		return nil, err
	}
	fields := []any{
		fieldDigest, digest, fieldName, job.Name, fieldCreated, toMillis(job.CreatedAt), fieldMutable, mutable, fieldVersion, 1,
	}
	if len(job.DependsOn) > 0 {
		dependsOn, err := json.Marshal(job.DependsOn)
		if err != nil {
			return nil, fmt.Errorf("encode job %s: %w", job.ID, err)
		}
		fields = append(fields, fieldDependsOn, dependsOn)
	}
	if job.IsArray() {
		fields = append(fields, fieldSize, job.ArraySize)
	}
	if isOpen(job) {
		fields = append(fields, fieldOpen, 1)
	}
	return fields, nil
}

// Job implements storetest.Store.
func (s *Store) Job(ctx context.Context, id string) (batch.Job, error) {
	jobs, err := s.Jobs(ctx, []string{id})
	if err != nil {
		return batch.Job{}, err
	}
	if len(jobs) == 0 {
		return batch.Job{}, batch.ErrNotFound
	}
	return jobs[0], nil
}

// readAttempts bounds how often jobs are read again whose spec changed between two round trips.
const readAttempts = 5

// Jobs implements storetest.Store. It takes one round trip when the specs are known here, else two.
func (s *Store) Jobs(ctx context.Context, ids []string) ([]batch.Job, error) {
	at := make([]address, 0, len(ids))
	for _, id := range ids {
		if a, err := locate(id); err == nil {
			at = append(at, a)
		}
	}
	return s.read(ctx, at)
}

// read loads jobs, arrays and children; those that are not there are left out.
func (s *Store) read(ctx context.Context, at []address) ([]batch.Job, error) {
	if len(at) == 0 {
		return nil, nil
	}
	var err error
	for range readAttempts {
		var jobs []batch.Job
		jobs, err = s.readOnce(ctx, at)
		if !errors.Is(err, errNoSpec) {
			return jobs, err
		}
	}
	return nil, err
}

func (s *Store) readOnce(ctx context.Context, at []address) ([]batch.Job, error) {
	r := s.newReads(at, jobFields)
	for _, pipe := range r.pipes {
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return nil, wrap(err)
		}
	}
	specs, err := s.loadSpecs(ctx, r.digests(at))
	if err != nil {
		return nil, err
	}
	out := make([]batch.Job, 0, len(at))
	for _, a := range at {
		job, err := r.decode(a, specs)
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

// reads are what is fetched to make jobs of their addresses.
type reads struct {
	fields  []string                     // jobFields, or those and more
	records map[address]*redis.SliceCmd  // of jobs, arrays and children
	letters map[address]*redis.StringCmd // of children, in their array's string
	pipes   []redis.Pipeliner            // one for all jobs, and one for each queue of which children are asked for
}

func (s *Store) newReads(at []address, fields []string) *reads {
	r := &reads{fields: fields, records: make(map[address]*redis.SliceCmd, len(at)), letters: map[address]*redis.StringCmd{}}
	pipes := map[slot]redis.Pipeliner{}
	for _, a := range at {
		if a.id.isChild() && pipes[a.slot] == nil {
			pipes[a.slot] = s.client.TxPipeline() // a child, its letter and its array must be of one moment
			r.pipes = append(r.pipes, pipes[a.slot])
		}
	}
	plain := s.client.Pipeline()
	for _, a := range at {
		pipe := pipes[a.slot]
		if pipe == nil {
			pipe = plain
		}
		r.add(pipe, a)
	}
	if plain.Len() > 0 {
		r.pipes = append(r.pipes, plain)
	}
	return r
}

func (r *reads) add(pipe redis.Pipeliner, a address) {
	if _, ok := r.records[a]; ok {
		return
	}
	ctx := context.Background() // commands are only collected here
	r.records[a] = pipe.HMGet(ctx, a.record(), r.fields...)
	if a.id.isChild() {
		array := address{slot: a.slot, id: a.id.job()}
		index := int64(a.id.index())
		r.letters[a] = pipe.GetRange(ctx, a.children(array.id), index, index)
		r.add(pipe, array)
	}
}

// digests are those of the specs that decode needs.
func (r *reads) digests(at []address) map[slot][]string {
	out := map[slot][]string{}
	for _, a := range at {
		if rec, ok := parseRecord(r.records[address{slot: a.slot, id: a.id.job()}].Val()); ok {
			out[a.slot] = append(out[a.slot], rec.digest)
		}
	}
	return out
}

// decode makes the job of an address.
func (r *reads) decode(a address, specs map[string]*spec) (batch.Job, error) {
	rec, ok := parseRecord(r.records[address{slot: a.slot, id: a.id.job()}].Val())
	if !ok {
		return batch.Job{}, batch.ErrNotFound
	}
	shared := specs[rec.digest]
	if shared == nil {
		return batch.Job{}, fmt.Errorf("job %s: %w", a, errNoSpec)
	}
	job, err := rec.job(address{slot: a.slot, id: a.id.job()}, shared)
	if err != nil || !a.id.isChild() {
		return job, err
	}
	if a.id.index() >= job.ArraySize {
		return batch.Job{}, batch.ErrNotFound
	}
	own, ok := parseRecord(r.records[a].Val())
	return child(&job, a.id.index(), r.letters[a].Val(), own, ok)
}

// child makes a child of its array, of its letter and of its own record, if it has one.
func child(array *batch.Job, index int, letter string, own record, recorded bool) (batch.Job, error) {
	if letter == "" {
		letter = string(unrecorded)
	}
	job := array.Child(index, statusOfLetter(array, letter[0]))
	switch {
	case recorded:
		err := own.change(&job)
		return job, err
	case letter[0] == unrecorded, letter[0] == unrecordedFailed:
		return job, nil
	default:
		return batch.Job{}, batch.ErrNotFound // its array is being forgotten
	}
}
