// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/storetest"
)

var _ storetest.Store = (*Store)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startRedis runs a redis-server of its own for the test, on a socket in its own folder.
func startRedis(t *testing.T, settings ...string) *redis.Client {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "redis.sock")
	args := append([]string{"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", ""}, settings...)
	cmd := exec.CommandContext(context.Background(), "redis-server", args...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start redis-server (Debian package redis-server): %v", err)
	}
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket, MaxRetries: -1})
	t.Cleanup(func() {
		_ = client.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	deadline := time.Now().Add(10 * time.Second)
	for client.Ping(t.Context()).Err() != nil {
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
	}
	return client
}

func safeSettings() []string {
	return []string{"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"}
}

func TestStore(t *testing.T) {
	runSuite(t, startRedis(t, safeSettings()...))
}

// TestStoreInMemory holds the store over the Redis of --dev to the same rules.
func TestStoreInMemory(t *testing.T) {
	runSuite(t, startMiniredis(t))
}

func runSuite(t *testing.T, client *redis.Client) {
	t.Helper()
	openWith := func(t *testing.T, cfg Config) *Store {
		t.Helper()
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return New(client, cfg)
	}
	open := func(t *testing.T) storetest.Store { t.Helper(); return openWith(t, Config{}) }
	storetest.Run(t, open)
	storetest.RunArrays(t, open)
	storetest.RunDependencies(t, open)
	storetest.RunShares(t, open)
	storetest.RunConsumables(t, open)
	storetest.RunPolicies(t, open)
	storetest.RunTags(t, open)
	storetest.RunOutbox(t, open)
	storetest.RunRetention(t, func(t *testing.T, retention time.Duration, clock *clocktesting.FakeClock) storetest.Store {
		t.Helper()
		return openWith(t, Config{Retention: retention, Clock: clock})
	})
	t.Run("model", func(t *testing.T) { storetest.RunModel(t, 1, 50, open) })
}

// startMiniredis runs the Redis of --dev.
func startMiniredis(t *testing.T) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestCheck(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		settings   []string
		durability Durability
		wantErr    error
	}{
		"fsync with appendfsync always is safe":       {safeSettings(), Fsync, nil},
		"fsync with appendfsync everysec is not":      {append(safeSettings(), "--appendfsync", "everysec"), Fsync, ErrUnsafe},
		"relaxed with appendfsync everysec is safe":   {append(safeSettings(), "--appendfsync", "everysec"), Relaxed, nil},
		"eviction is never safe":                      {append(safeSettings(), "--maxmemory-policy", "allkeys-lru"), Relaxed, ErrUnsafe},
		"no append-only file is never safe":           {append(safeSettings(), "--appendonly", "no"), Relaxed, ErrUnsafe},
		"replicated without min-replicas is not safe": {safeSettings(), Replicated, ErrUnsafe},
		"volatile accepts anything, for --dev":        {append(safeSettings(), "--appendonly", "no"), Volatile, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(startRedis(t, tc.settings...), Config{Durability: tc.durability})
			if err := s.Check(t.Context()); !errors.Is(err, tc.wantErr) {
				t.Errorf("got %v, want %v", err, tc.wantErr)
			}
		})
	}
}

// While Redis loads its append-only file it says that it has none.
func TestCheckWaitsForLoading(t *testing.T) {
	t.Parallel()
	err := checkInfo(parseInfo("# Persistence\r\nloading:1\r\naof_enabled:0\r\n# Memory\r\nmaxmemory_policy:noeviction\r\n"))
	if err == nil || errors.Is(err, ErrUnsafe) {
		t.Errorf("got %v, want an error that passes", err)
	}
}

func TestReplicatedWriteWithoutReplicaFails(t *testing.T) {
	t.Parallel()
	s := New(startRedis(t, safeSettings()...), Config{Durability: Replicated})
	if err := s.CreateEnvironment(t.Context(), batch.ComputeEnvironment{Name: "ce"}); !errors.Is(err, errNotReplicated) {
		t.Errorf("got %v, want %v", err, errNotReplicated)
	}
}

func TestOldLeaderIsFenced(t *testing.T) {
	t.Parallel()
	s := New(startRedis(t, safeSettings()...), Config{})
	q, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := batch.NewJobID(q.Number, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(t.Context(), q.Number, batch.Job{ID: id, Status: batch.StatusRunnable}); err != nil {
		t.Fatal(err)
	}
	older, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newer, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	explain := func(reason string) func(batch.Job) (batch.Job, error) {
		return func(j batch.Job) (batch.Job, error) { j.StatusReason = reason; return j, nil }
	}
	if _, err := older.Transition(t.Context(), id, explain("old")); !errors.Is(err, batch.ErrStaleEpoch) {
		t.Errorf("the old leader got %v, want %v", err, batch.ErrStaleEpoch)
	}
	if _, err := newer.Transition(t.Context(), id, explain("new")); err != nil {
		t.Errorf("the new leader got %v", err)
	}
	if _, err := s.Transition(t.Context(), id, explain("api")); err != nil {
		t.Errorf("an API call got %v", err)
	}
}

func TestChangesTellsOfAPIWrites(t *testing.T) {
	t.Parallel()
	s := New(startRedis(t, safeSettings()...), Config{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan Change, 8)
	ready := make(chan struct{})
	done := make(chan error, 1)
	go func() { done <- s.Changes(ctx, func() { close(ready) }, func(c Change) { got <- c }) }()
	<-ready
	id, err := batch.NewJobID(7, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(t.Context(), 7, batch.Job{ID: id, Status: batch.StatusRunnable}); err != nil {
		t.Fatal(err)
	}
	if c := <-got; c.Queue != 7 {
		t.Errorf("got %v, want queue 7", c)
	}
	_, err = s.Transition(t.Context(), id, func(j batch.Job) (batch.Job, error) { j.Status = batch.StatusFailed; return j, nil })
	if err != nil {
		t.Fatal(err)
	}
	if c := <-got; c.Job != id {
		t.Errorf("got %v, want job %s", c, id)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Changes ended with %v", err)
	}
}
