// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
	"k8s.io/utils/lru"

	"github.com/muster-batch/muster/queue-api/batch"
)

// targetCache keeps what Target found and decoded last.
type targetCache struct {
	targets     *lru.Cache // by targetKey: rememberedTarget
	queues      *lru.Cache // by name: decodedQueue
	definitions *lru.Cache // by reference: batch.JobDefinition, as registered
}

type targetKey struct {
	queue string
	ref   batch.DefinitionRef
}

type rememberedTarget struct {
	batch.Target

	at time.Time
}

// decodedQueue is a queue and the text that it was read from.
type decodedQueue struct {
	stored string
	queue  batch.JobQueue
}

const (
	// cachedTargets bounds the memory of a targetCache: a definition is at most 24 KiB, seldom more than one.
	cachedTargets = 1024
	// rememberFor bounds for how long a view is missed that a writer changed something for and ended before it said so.
	rememberFor = time.Second
)

func newTargetCache() targetCache {
	return targetCache{targets: lru.New(cachedTargets), queues: lru.New(cachedTargets), definitions: lru.New(cachedTargets)}
}

// Remembered implements storetest.Store. Whoever changes a queue or a definition then changes the view of each queue that it
// concerns, in the queue's own slot, where the submit script compares it.
func (s *Store) Remembered(queueName string, ref batch.DefinitionRef) (batch.Target, bool) {
	v, ok := s.targets.targets.Get(targetKey{queueName, ref})
	if !ok {
		return batch.Target{}, false
	}
	t, ok := v.(rememberedTarget)
	if !ok || s.clock.Since(t.at) > rememberFor {
		return batch.Target{}, false
	}
	return t.Target, true
}

// targetReplies are what Redis says of a target.
type targetReplies struct {
	view   *redis.StringCmd // read first, so that it is not newer than the rest; nil if the queue's number is not known yet
	queue  *redis.StringCmd
	active *redis.FloatCmd       // of a named revision
	latest *redis.StringSliceCmd // if none is named
}

// Target implements storetest.Store in one round trip. The queue and the definition's Status are as they are now;
// its Tags may be as they were when this process read it first, the rest never changes.
func (s *Store) Target(ctx context.Context, queueName string, ref batch.DefinitionRef) (batch.JobQueue, batch.JobDefinition, error) {
	at := s.clock.Now()
	number, isKnown := s.queueNumber(queueName)
	var r targetReplies
	err := s.reads.do(ctx, func(pipe redis.Pipeliner) {
		if isKnown {
			r.view = pipe.Get(ctx, slotOf(number).view())
		}
		r.queue = pipe.HGet(ctx, queues, queueName)
		if ref.Revision == 0 {
			r.latest = pipe.ZRevRange(ctx, activeKey(ref.Name), 0, 0)
		} else {
			r.active = pipe.ZScore(ctx, activeKey(ref.Name), strconv.Itoa(ref.Revision))
		}
	})
	if err != nil {
		return batch.JobQueue{}, batch.JobDefinition{}, err
	}
	queue, err := s.targets.queue(queueName, r.queue)
	if err != nil {
		return queue, batch.JobDefinition{}, err
	}
	definition, err := s.definitionFound(ctx, ref, &r)
	if err == nil && isKnown && queue.Number == number && isRedisNil(r.view.Err()) {
		s.remember(targetKey{queueName, ref}, queue, definition, cmp.Or(r.view.Val(), "0"), at)
	}
	return queue, definition, err
}

func isRedisNil(err error) bool { return err == nil || errors.Is(err, redis.Nil) }

// queueNumber gives the number of a queue that was read before. Only one server answers a pipeline in order.
func (s *Store) queueNumber(name string) (number int, ok bool) {
	if _, ok := s.client.(*redis.Client); !ok {
		return 0, false
	}
	v, _ := s.targets.queues.Get(name)
	known, ok := v.(decodedQueue)
	return known.queue.Number, ok
}

// remember keeps a target that takes jobs.
func (s *Store) remember(key targetKey, queue batch.JobQueue, definition batch.JobDefinition, view string, at time.Time) {
	if queue.State == batch.Enabled && queue.Status != batch.ResourceDeleting && definition.Status == batch.DefinitionActive {
		s.targets.targets.Add(key, rememberedTarget{Target: batch.Target{Queue: queue, Definition: definition, View: view}, at: at})
	}
}

// changeView says in queues' own slots that something changed that Target gives.
func (s *Store) changeView(ctx context.Context, numbers ...int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxPipelined)
	for _, number := range numbers {
		group.Go(func() error {
			_, err := s.increment(ctx, "redis/change-view", slotOf(number).view())
			return err
		})
	}
	return group.Wait()
}

// changeViews does so for every queue, as when a definition changed.
func (s *Store) changeViews(ctx context.Context) error {
	all, err := s.Queues(ctx)
	if err != nil {
		return err
	}
	numbers := make([]int, len(all))
	for i, q := range all {
		numbers[i] = q.Number
	}
	return s.changeView(ctx, numbers...)
}

// definitionFound gives the definition that the replies are about.
func (s *Store) definitionFound(ctx context.Context, ref batch.DefinitionRef, r *targetReplies) (batch.JobDefinition, error) {
	if r.latest != nil {
		return s.latest(ctx, ref.Name, r.latest)
	}
	if err := wrap(r.active.Err()); err != nil {
		return batch.JobDefinition{}, err
	}
	definition, err := s.registered(ctx, ref)
	if err == nil && r.active.Err() != nil {
		definition.Status = batch.DefinitionInactive
	}
	return definition, err
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
