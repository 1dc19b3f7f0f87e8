// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
	"k8s.io/utils/lru"

	"github.com/muster-batch/muster/queue-api/batch"
)

// targetCache keeps what Target decoded last.
type targetCache struct {
	queues      *lru.Cache // by name: decodedQueue
	definitions *lru.Cache // by reference: batch.JobDefinition, as registered
}

// decodedQueue is a queue and the text that it was read from.
type decodedQueue struct {
	stored string
	queue  batch.JobQueue
}

// cachedTargets bounds the memory of a targetCache: a definition is at most 24 KiB, seldom more than one.
const cachedTargets = 1024

func newTargetCache() targetCache {
	return targetCache{queues: lru.New(cachedTargets), definitions: lru.New(cachedTargets)}
}

// Target implements storetest.Store in one round trip. The queue and the definition's Status are as they are now;
// its Tags may be as they were when this process read it first, the rest never changes.
func (s *Store) Target(ctx context.Context, queueName string, ref batch.DefinitionRef) (batch.JobQueue, batch.JobDefinition, error) {
	var stored *redis.StringCmd
	var active *redis.FloatCmd
	var latest *redis.StringSliceCmd
	err := s.reads.do(ctx, func(pipe redis.Pipeliner) {
		stored = pipe.HGet(ctx, queues, queueName)
		if ref.Revision == 0 {
			latest = pipe.ZRevRange(ctx, activeKey(ref.Name), 0, 0)
		} else {
			active = pipe.ZScore(ctx, activeKey(ref.Name), strconv.Itoa(ref.Revision))
		}
	})
	if err != nil {
		return batch.JobQueue{}, batch.JobDefinition{}, err
	}
	queue, err := s.targets.queue(queueName, stored)
	if err != nil {
		return queue, batch.JobDefinition{}, err
	}
	if latest != nil {
		definition, err := s.latest(ctx, ref.Name, latest)
		return queue, definition, err
	}
	if err := wrap(active.Err()); err != nil {
		return queue, batch.JobDefinition{}, err
	}
	definition, err := s.registered(ctx, ref)
	if err == nil && active.Err() != nil {
		definition.Status = batch.DefinitionInactive
	}
	return queue, definition, err
}

// latest gives the definition's revision that a look-up of the latest ACTIVE one found.
func (s *Store) latest(ctx context.Context, name string, found *redis.StringSliceCmd) (batch.JobDefinition, error) {
	revisions, err := found.Result()
	if err != nil {
		return batch.JobDefinition{}, wrap(err)
	}
	if len(revisions) == 0 {
		return batch.JobDefinition{}, batch.ErrNotFound
	}
	revision, err := strconv.Atoi(revisions[0])
	if err != nil {
		return batch.JobDefinition{}, fmt.Errorf("active revision of %s: %w", name, err)
	}
	return s.registered(ctx, batch.DefinitionRef{Name: name, Revision: revision})
}

// queue decodes what is stored of a queue, unless it is what was decoded last.
func (c targetCache) queue(name string, stored *redis.StringCmd) (batch.JobQueue, error) {
	text, err := stored.Result()
	if errors.Is(err, redis.Nil) {
		return batch.JobQueue{}, batch.ErrQueueNotFound
	}
	if err != nil {
		return batch.JobQueue{}, wrap(err)
	}
	if v, ok := c.queues.Get(name); ok {
		if known, ok := v.(decodedQueue); ok && known.stored == text {
			return known.queue, nil
		}
	}
	var q batch.JobQueue
	if err := json.Unmarshal([]byte(text), &q); err != nil {
		return q, fmt.Errorf("decode %s of %s: %w", name, queues, err)
	}
	c.queues.Add(name, decodedQueue{stored: text, queue: q})
	return q, nil
}

// registered gives a revision as it was registered, ACTIVE.
func (s *Store) registered(ctx context.Context, ref batch.DefinitionRef) (batch.JobDefinition, error) {
	if v, ok := s.targets.definitions.Get(ref); ok {
		if d, ok := v.(batch.JobDefinition); ok {
			return d, nil
		}
	}
	d, _, err := s.loadRevision(ctx, ref)
	if err == nil {
		s.targets.definitions.Add(ref, d)
	}
	return d, err
}

// loadRevision reads a revision, as ACTIVE, and the form it is stored in.
func (s *Store) loadRevision(ctx context.Context, ref batch.DefinitionRef) (d batch.JobDefinition, stored string, err error) {
	stored, err = s.client.HGet(ctx, definitionKey(ref.Name), strconv.Itoa(ref.Revision)).Result()
	if errors.Is(err, redis.Nil) {
		return d, "", batch.ErrNotFound
	}
	if err != nil {
		return d, "", wrap(err)
	}
	d, err = decodeDefinition(stored, ref.Revision, true)
	return d, stored, err
}
