// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Durability says when a write counts as done.
type Durability string

// The settings.
const (
	// Fsync needs an append-only file that is synced before each reply: nothing acknowledged is lost with the machine.
	Fsync Durability = "fsync"
	// Replicated waits for a replica after each write: nothing acknowledged is lost with the master.
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
	text, err := s.client.Info(ctx, "memory", "persistence", "replication").Result()
	if err != nil {
		return wrap(err)
	}
	if err := checkInfo(parseInfo(text)); err != nil {
		return err
	}
	switch s.durability {
	case Fsync:
		return s.checkSetting(ctx, "appendfsync", "always", "durability fsync")
	case Replicated:
		return s.checkSetting(ctx, "min-replicas-to-write", "1", "durability replicated")
	case Relaxed, Volatile:
	}
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

func (s *Store) checkSetting(ctx context.Context, name, want, why string) error {
	settings, err := s.client.ConfigGet(ctx, name).Result()
	if err != nil {
		return fmt.Errorf("read %s, which %s depends on: %w", name, why, wrap(err))
	}
	if got := settings[name]; got != want {
		return fmt.Errorf("%s is %s, %s needs %s: %w", name, got, why, want, ErrUnsafe)
	}
	return nil
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
