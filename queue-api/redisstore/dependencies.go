// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// A job's or array's dependents are one sorted set of "index|type|id": the index of the child that is waited for, empty for
// the job or array itself, how, and who waits. The scripts look for what begins with an index or with "|N_TO_N|".

func dependentEntry(on shortID, d batch.Dependent) string {
	return dependentsOf(on) + string(d.Type) + "|" + d.ID
}

// dependentsOf is how the entries begin of those who wait for a job or child.
func dependentsOf(on shortID) string {
	if on.isChild() {
		return strconv.Itoa(on.index()) + "|"
	}
	return "|"
}

// AddDependent implements storetest.Store.
func (s *Store) AddDependent(ctx context.Context, on string, dependent batch.Dependent) (batch.Job, error) {
	at, err := locate(on)
	if err != nil {
		return batch.Job{}, err
	}
	if _, err := s.Job(ctx, on); err != nil {
		return batch.Job{}, err
	}
	array := at.id.job()
	v, err := s.run(ctx, s.scripts.depend, []string{at.job(array), at.dependents(array)}, dependentEntry(at.id, dependent))
	if err != nil {
		return batch.Job{}, err
	}
	if v != int64(1) {
		return batch.Job{}, batch.ErrNotFound
	}
	// Read again: an end before the entry was there was not marked settled for it.
	return s.Job(ctx, on)
}

// Dependents implements storetest.Store.
func (s *Store) Dependents(ctx context.Context, on string) ([]batch.Dependent, error) {
	at, err := locate(on)
	if err != nil {
		return nil, nil //nolint:nilerr // nobody waits for what is no job
	}
	beginning := dependentsOf(at.id)
	entries, err := s.client.ZRangeByLex(ctx, at.dependents(at.id.job()), &redis.ZRangeBy{Min: "[" + beginning, Max: "[" + beginning + "\xff"}).Result()
	if err != nil {
		return nil, wrap(err)
	}
	var out []batch.Dependent
	for _, e := range entries {
		kind, id, _ := strings.Cut(strings.TrimPrefix(e, beginning), "|")
		out = append(out, batch.Dependent{ID: id, Type: batch.DependencyType(kind)})
	}
	slices.SortFunc(out, func(a, b batch.Dependent) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Type, b.Type)) })
	return out, nil
}

// RemoveDependent implements storetest.Store.
func (s *Store) RemoveDependent(ctx context.Context, on string, dependent batch.Dependent) error {
	at, err := locate(on)
	if err != nil {
		return nil //nolint:nilerr // nobody waits for what is no job
	}
	key := at.dependents(at.id.job())
	return s.put(ctx, "redis/forget-dependent", key, func(pipe redis.Pipeliner) redis.Cmder { return pipe.ZRem(ctx, key, dependentEntry(at.id, dependent)) })
}

// Settled implements storetest.Store.
func (s *Store) Settled(ctx context.Context, queueNumber int, after int64, limit int) ([]batch.Settled, error) {
	q := slotOf(queueNumber)
	marks, err := s.client.ZRangeByScoreWithScores(ctx, q.settled(),
		&redis.ZRangeBy{Min: "(" + strconv.FormatInt(after, 10), Max: "+inf", Count: int64(limit)}).Result()
	if err != nil {
		return nil, wrap(err)
	}
	out := make([]batch.Settled, len(marks))
	for i, z := range marks {
		out[i] = batch.Settled{ID: q.full(shortID(fmt.Sprint(z.Member))), Mark: int64(z.Score)}
	}
	return out, nil
}

// Settle implements storetest.Store.
func (s *Store) Settle(ctx context.Context, id string) error {
	at, err := locate(id)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, s.scripts.settle, []string{at.settled(), at.marks()}, string(at.id))
	return err
}

// Unsettle implements storetest.Store.
func (s *Store) Unsettle(ctx context.Context, mark batch.Settled) error {
	at, err := locate(mark.ID)
	if err != nil {
		return nil //nolint:nilerr // what is no id has no mark
	}
	_, err = s.run(ctx, s.scripts.unsettle, []string{at.settled()}, string(at.id), mark.Mark)
	return err
}
