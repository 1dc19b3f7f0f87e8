// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// writers carry out writes and answer for their durability. A Redis that is configured as Check wants it syncs before it
// replies; what a replica must have is asked for at the end of each pipeline, once for all its writes.
type writers struct {
	client   redis.UniversalClient
	all      *batcher
	replicas atomic.Int64 // that must confirm a write; 0 for none
	patience time.Duration

	mu      sync.Mutex
	masters map[string]*batcher // by address: on a Redis Cluster, replicas are each master's own
}

// replicaTimeout is how long a write waits for its replicas, on a connection of its own, before it fails; patience, unless a test
// has more of it.
const replicaTimeout = 500 * time.Millisecond

var errNotReplicated = errors.New("written, but no replica confirmed it in time")

func newWriters(client redis.UniversalClient, replicated bool) *writers {
	w := &writers{client: client, patience: replicaTimeout, masters: map[string]*batcher{}}
	if !replicated {
		w.all = newBatcher(client, nil)
		return w
	}
	w.replicas.Store(1)
	if _, isCluster := client.(*redis.ClusterClient); !isCluster {
		w.all = newBatcher(client, w.await)
	}
	return w
}

// do has ask put writes into a pipeline, all to the slot of key, and returns once they are durable; the commands then hold
// their replies or errors. After an error they may have been carried out, and may be lost.
func (w *writers) do(ctx context.Context, key string, ask func(redis.Pipeliner)) error {
	if w.all != nil {
		return w.all.do(ctx, ask)
	}
	cluster, _ := w.client.(*redis.ClusterClient)
	master, err := w.master(ctx, cluster, key)
	if err != nil {
		return err
	}
	if err := master.do(ctx, ask); err != nil {
		cluster.ReloadState(ctx) // the slot may have another master by now
		return err
	}
	return nil
}

// master gives the batcher of the master that has the slot of key.
func (w *writers) master(ctx context.Context, cluster *redis.ClusterClient, key string) (*batcher, error) {
	node, err := cluster.MasterForKey(ctx, key)
	if err != nil {
		return nil, wrap(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	address := node.Options().Addr
	b := w.masters[address]
	if b == nil || b.client != node {
		b = newBatcher(node, w.await)
		b.failed = func(err error) {
			if redis.HasErrorPrefix(err, "MOVED") { // to another master, which it names; the next call goes there
				cluster.ReloadState(context.Background()) // which it does not look at
			}
		}
		w.masters[address] = b
	}
	return b, nil
}

// await ends a pipeline: it waits until replicas have what its connection wrote.
func (w *writers) await(pipe redis.Pipeliner) func() error {
	want := w.replicas.Load()
	confirmed := pipe.Do(context.Background(), "wait", want, w.patience.Milliseconds()) // only collected here
	return func() error {
		got, err := confirmed.Int64()
		if err != nil {
			return wrap(err)
		}
		if got < want {
			return fmt.Errorf("redis: %w", errNotReplicated)
		}
		return nil
	}
}
