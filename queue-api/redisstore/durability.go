// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Durability says when a write counts as done.
type Durability string

// The settings.
const (
	// Fsync needs an append-only file that is synced before each reply: nothing acknowledged is lost with the machine.
	Fsync Durability = "fsync"
	// Replicated waits for as many replicas as min-replicas-to-write says after each write: nothing acknowledged is lost with
	// the master.
	Replicated Durability = "replicated"
	// Relaxed needs an append-only file: a crash of Redis loses nothing, a crash of the machine up to two seconds.
	Relaxed Durability = "relaxed"
	// Volatile promises nothing; for development only.
	Volatile Durability = "volatile"
)

// ParseDurability reads a setting that a user may choose.
func ParseDurability(s string) (Durability, error) {
	switch d := Durability(s); d {
	case Fsync, Replicated, Relaxed:
		return d, nil
	case Volatile:
	}
	return "", fmt.Errorf("durability %q: must be one of fsync, replicated, relaxed", s)
}

// ErrUnsafe says that Redis is configured so that it could lose jobs.
var ErrUnsafe = errors.New("redis is not configured safely")

// Check refuses a Redis that could not keep the configured promise; the error says which setting to change.
func (s *Store) Check(ctx context.Context) error {
	if s.durability == Volatile {
		return nil
	}
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return s.checkServer(ctx, s.client)
	}
	return wrap(cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error { return s.checkServer(ctx, master) }))
}

func (s *Store) checkServer(ctx context.Context, server redis.UniversalClient) error {
	text, err := server.Info(ctx, "memory", "persistence", "replication", "cluster").Result()
	if err != nil {
		return wrap(err)
	}
	info := parseInfo(text)
	if err := checkInfo(info); err != nil {
		return err
	}
	if _, isCluster := s.client.(*redis.ClusterClient); !isCluster && info["cluster_enabled"] == "1" {
		return fmt.Errorf("the server is one of a Redis Cluster: --redis-url must be redis+cluster://: %w", ErrUnsafe)
	}
	switch s.durability {
	case Fsync:
		got, err := setting(ctx, server, "appendfsync", "durability fsync")
		if err == nil && got != "always" {
			err = fmt.Errorf("appendfsync is %s, durability fsync needs always: %w", got, ErrUnsafe)
		}
		return err
	case Replicated:
		return s.checkReplicas(ctx, server)
	case Relaxed, Volatile:
	}
	return nil
}

// checkReplicas has writes wait for as many replicas as Redis itself wants for them.
func (s *Store) checkReplicas(ctx context.Context, server redis.UniversalClient) error {
	const name = "min-replicas-to-write"
	got, err := setting(ctx, server, name, "durability replicated")
	if err != nil {
		return err
	}
	replicas, err := strconv.ParseInt(got, 10, 32)
	if err != nil || replicas < 1 {
		return fmt.Errorf("%s is %s, durability replicated needs at least 1: %w", name, got, ErrUnsafe)
	}
	s.writes.replicas.Store(replicas)
	return nil
}

// errLoading says that Redis was started lately. It claims meanwhile to have no append-only file, the one that it reads.
var errLoading = errors.New("redis is loading its append-only file")

// checkInfo checks what every durability needs.
func checkInfo(info map[string]string) error {
	if info["loading"] == "1" {
		return errLoading
	}
	if policy := info["maxmemory_policy"]; policy != "noeviction" {
		return fmt.Errorf("maxmemory-policy is %s, must be noeviction: other policies drop jobs when memory is short: %w", policy, ErrUnsafe)
	}
	if info["role"] != "master" {
		return fmt.Errorf("role is %s, must be master: %w", info["role"], ErrUnsafe)
	}
	if info["aof_enabled"] != "1" {
		return fmt.Errorf("appendonly is no, must be yes: without an append-only file a restart loses jobs: %w", ErrUnsafe)
	}
	if status := info["aof_last_write_status"]; status != "ok" {
		return fmt.Errorf("aof_last_write_status is %s: Redis cannot write its append-only file: %w", status, ErrUnsafe)
	}
	return nil
}

func setting(ctx context.Context, server redis.UniversalClient, name, why string) (string, error) {
	settings, err := server.ConfigGet(ctx, name).Result()
	if err != nil {
		return "", fmt.Errorf("read %s, which %s depends on: %w", name, why, wrap(err))
	}
	return settings[name], nil
}

// parseInfo reads the reply of INFO.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}
