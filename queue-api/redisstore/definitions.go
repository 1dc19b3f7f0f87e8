// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// RegisterDefinition implements storetest.Store.
func (s *Store) RegisterDefinition(ctx context.Context, d batch.JobDefinition) (batch.JobDefinition, error) {
	encoded, err := encodeDefinition(d)
	if err != nil {
		return batch.JobDefinition{}, err
	}
	keys := []string{revisions, definitionKey(d.Name), activeKey(d.Name)}
	v, err := s.run(ctx, s.scripts.register, keys, d.Name, encoded)
	if err != nil {
		return batch.JobDefinition{}, err
	}
	revision, ok := v.(int64)
	if !ok {
		return batch.JobDefinition{}, fmt.Errorf("redis: register gave %v", v)
	}
	d.Revision, d.Status = int(revision), batch.DefinitionActive
	return d, s.changeViews(ctx)
}

// Definition implements storetest.Store.
func (s *Store) Definition(ctx context.Context, ref batch.DefinitionRef) (batch.JobDefinition, error) {
	if ref.Revision == 0 {
		latest, err := s.client.ZRevRange(ctx, activeKey(ref.Name), 0, 0).Result()
		if err != nil {
			return batch.JobDefinition{}, wrap(err)
		}
		if len(latest) == 0 {
			return batch.JobDefinition{}, batch.ErrNotFound
		}
		if ref.Revision, err = strconv.Atoi(latest[0]); err != nil {
			return batch.JobDefinition{}, fmt.Errorf("active revision of %s: %w", ref.Name, err)
		}
	}
	pipe := s.client.Pipeline()
	record := pipe.HGet(ctx, definitionKey(ref.Name), strconv.Itoa(ref.Revision))
	active := pipe.ZScore(ctx, activeKey(ref.Name), strconv.Itoa(ref.Revision))
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return batch.JobDefinition{}, wrap(err)
	}
	if record.Err() != nil {
		return batch.JobDefinition{}, batch.ErrNotFound
	}
	return decodeDefinition(record.Val(), ref.Revision, active.Err() == nil)
}

// DefinitionRevisions implements storetest.Store.
func (s *Store) DefinitionRevisions(ctx context.Context, name string) ([]batch.JobDefinition, error) {
	pipe := s.client.Pipeline()
	records := pipe.HGetAll(ctx, definitionKey(name))
	active := pipe.ZRange(ctx, activeKey(name), 0, -1)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrap(err)
	}
	isActive := map[string]bool{}
	for _, revision := range active.Val() {
		isActive[revision] = true
	}
	var out []batch.JobDefinition
	for field, record := range records.Val() {
		revision, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("revision of %s: %w", name, err)
		}
		d, err := decodeDefinition(record, revision, isActive[field])
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b batch.JobDefinition) int { return cmp.Compare(b.Revision, a.Revision) })
	return out, nil
}

func decodeDefinition(record string, revision int, active bool) (batch.JobDefinition, error) {
	var d batch.JobDefinition
	if err := json.Unmarshal([]byte(record), &d); err != nil {
		return d, fmt.Errorf("decode revision %d: %w", revision, err)
	}
	d.Revision, d.Status = revision, batch.DefinitionInactive
	if active {
		d.Status = batch.DefinitionActive
	}
	return d, nil
}

// DefinitionNames implements storetest.Store.
func (s *Store) DefinitionNames(ctx context.Context) ([]string, error) {
	names, err := s.client.HKeys(ctx, revisions).Result()
	slices.Sort(names)
	return names, wrap(err)
}

// DeregisterDefinition implements storetest.Store.
func (s *Store) DeregisterDefinition(ctx context.Context, ref batch.DefinitionRef) error {
	keys := []string{definitionKey(ref.Name), activeKey(ref.Name)}
	v, err := s.run(ctx, s.scripts.deregister, keys, ref.Revision)
	if err == nil && v != int64(1) {
		return batch.ErrNotFound
	}
	if err != nil {
		return err
	}
	return s.changeViews(ctx)
}

// UpdateDefinition implements storetest.Store.
func (s *Store) UpdateDefinition(ctx context.Context, ref batch.DefinitionRef, change func(*batch.JobDefinition) error) (batch.JobDefinition, error) {
	for range casAttempts {
		_, stored, err := s.loadRevision(ctx, ref)
		if err != nil {
			return batch.JobDefinition{}, err
		}
		now, err := s.Definition(ctx, ref)
		if err != nil {
			return batch.JobDefinition{}, err
		}
		changed := now
		if err := change(&changed); err != nil {
			return batch.JobDefinition{}, err
		}
		now.Tags = changed.Tags
		encoded, err := encodeDefinition(now)
		if err != nil {
			return batch.JobDefinition{}, err
		}
		ok, err := s.compareAndSet(ctx, definitionKey(ref.Name), strconv.Itoa(ref.Revision), stored, string(encoded))
		if err != nil || ok {
			s.targets.definitions.Remove(ref)
			return now, errors.Join(err, s.changeViews(ctx))
		}
	}
	return batch.JobDefinition{}, batch.ErrConflict
}

// encodeDefinition leaves out what the field's name and the set of active revisions say.
func encodeDefinition(d batch.JobDefinition) ([]byte, error) {
	d.Revision, d.Status = 0, ""
	encoded, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode definition %s: %w", d.Name, err)
	}
	return encoded, nil
}
