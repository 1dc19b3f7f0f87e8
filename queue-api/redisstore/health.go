// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Health asks the servers how they are.
func (s *Store) Health(ctx context.Context) (batch.StoreHealth, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return healthOf(ctx, s.client)
	}
	var mu sync.Mutex // guards all
	var all *batch.StoreHealth
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		one, err := healthOf(ctx, master)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if all == nil {
			all = &one
			return nil
		}
		worsen(all, one)
		return nil
	})
	if err != nil || all == nil {
		return batch.StoreHealth{}, wrap(err)
	}
	return *all, nil
}

func healthOf(ctx context.Context, server redis.UniversalClient) (batch.StoreHealth, error) {
	text, err := server.Info(ctx, "memory", "persistence", "replication").Result()
	if err != nil {
		return batch.StoreHealth{}, wrap(err)
	}
	return readHealth(parseInfo(text)), nil
}

func readHealth(info map[string]string) batch.StoreHealth {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(info[name], 10, 64) // what a server does not tell is 0
		return n
	}
	h := batch.StoreHealth{
		MemoryBytes: number("used_memory"), MemoryLimit: number("maxmemory"), Replicas: int(number("connected_slaves")),
		AOFWritable: info["aof_last_write_status"] != "err", AOFDelayedFsyncs: number("aof_delayed_fsync"),
	}
	for name, value := range info {
		if !strings.HasPrefix(name, "slave") || !strings.Contains(value, "offset=") {
			continue
		}
		for field := range strings.SplitSeq(value, ",") {
			if offset, ok := strings.CutPrefix(field, "offset="); ok {
				if n, err := strconv.ParseInt(offset, 10, 64); err == nil {
					h.ReplicaLagBytes = max(h.ReplicaLagBytes, number("master_repl_offset")-n)
				}
			}
		}
	}
	return h
}

// worsen makes of a what is worse of a and b.
func worsen(a *batch.StoreHealth, b batch.StoreHealth) {
	if isFuller(b, *a) {
		a.MemoryBytes, a.MemoryLimit = b.MemoryBytes, b.MemoryLimit
	}
	a.Replicas = min(a.Replicas, b.Replicas)
	a.ReplicaLagBytes = max(a.ReplicaLagBytes, b.ReplicaLagBytes)
	a.AOFWritable = a.AOFWritable && b.AOFWritable
	a.AOFDelayedFsyncs += b.AOFDelayedFsyncs
}

// isFuller compares what is left; a server without a limit is never full.
func isFuller(a, b batch.StoreHealth) bool {
	if a.MemoryLimit == 0 || b.MemoryLimit == 0 {
		return a.MemoryLimit > 0 || b.MemoryLimit == 0 && a.MemoryBytes > b.MemoryBytes
	}
	return float64(a.MemoryBytes)/float64(a.MemoryLimit) > float64(b.MemoryBytes)/float64(b.MemoryLimit)
}
