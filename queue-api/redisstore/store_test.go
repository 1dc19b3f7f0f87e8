// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/hack/leaktest"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redistest"
	"github.com/muster-batch/muster/queue-api/storetest"
)

var _ storetest.Store = (*Store)(nil)

func TestMain(m *testing.M) { leaktest.Main(m) }

// startRedis runs a redis-server of its own for the test.
func startRedis(t *testing.T, settings ...string) redis.UniversalClient {
	t.Helper()
	return open(t, redistest.Start(t, settings...).URL())
}

// slow bounds every call of a test: a disk or a processor that others use, too, is no failure of Redis.
const slow = time.Minute

// open is Open for a slow machine.
func open(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	var client redis.UniversalClient
	if _, rest, several := strings.Cut(url, "+"); several {
		o := severalOf(t, rest)
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = slow, slow, slow, slow
		client = redis.NewUniversalClient(o)
	} else {
		o, err := Options(url)
		if err != nil {
			t.Fatal(err)
		}
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = slow, slow, slow, slow
		client = redis.NewClient(o)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// severalOf are the options of a client of several servers, whose URL begins with redis+.
func severalOf(t *testing.T, url string) *redis.UniversalOptions {
	t.Helper()
	kind, rest, _ := strings.Cut(url, "://")
	o, err := severalServers("redis", kind, rest)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestStore(t *testing.T) {
	runSuite(t, startRedis(t, redistest.Safe()...))
}

// TestStoreOnSentinels holds it over a master that Sentinels watch, each write on a replica before it is done.
func TestStoreOnSentinels(t *testing.T) {
	t.Parallel()
	runReplicated(t, redistest.StartSentinels(t).URL())
}

// TestStoreOnCluster holds it over a Redis Cluster, which refuses a script that touches keys of two slots.
func TestStoreOnCluster(t *testing.T) {
	t.Parallel()
	runSuite(t, open(t, redistest.StartCluster(t, 3, 0, redistest.Safe()...).URL()))
}

// TestStoreOnReplicatedCluster holds it over one that has a replica of each master, and waits for it.
func TestStoreOnReplicatedCluster(t *testing.T) {
	t.Parallel()
	runReplicated(t, redistest.StartCluster(t, 3, 1).URL())
}

// TestStoreInMemory holds the store over the Redis of --dev to the same rules.
func TestStoreInMemory(t *testing.T) {
	runSuite(t, startMiniredis(t))
}

func runSuite(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	runSuiteAt(t, client, Fsync)
}

func runReplicated(t *testing.T, url string) {
	t.Helper()
	runSuiteAt(t, open(t, url), Replicated)
}

func runSuiteAt(t *testing.T, client redis.UniversalClient, durability Durability) {
	t.Helper()
	openWith := func(t *testing.T, cfg Config) *Store {
		t.Helper()
		flush(t, client)
		cfg.Durability = durability
		s := New(client, cfg)
		s.writes.patience = slow / 2 // a replica that is late is none that fails
		return s
	}
	empty := func(t *testing.T) storetest.Store { t.Helper(); return openWith(t, Config{}) }
	storetest.Run(t, empty)
	storetest.RunArrays(t, empty)
	storetest.RunDependencies(t, empty)
	storetest.RunShares(t, empty)
	storetest.RunConsumables(t, empty)
	storetest.RunPolicies(t, empty)
	storetest.RunTags(t, empty)
	storetest.RunOutbox(t, empty)
	storetest.RunRecovery(t, empty)
	storetest.RunRetention(t, func(t *testing.T, retention time.Duration, clock *clocktesting.FakeClock) storetest.Store {
		t.Helper()
		return openWith(t, Config{Retention: retention, Clock: clock})
	})
	storetest.RunSpending(t, func(t *testing.T, clock *clocktesting.FakeClock) storetest.Store {
		t.Helper()
		return openWith(t, Config{Clock: clock})
	})
	t.Run("model", func(t *testing.T) { storetest.RunModel(t, 1, 50, empty) })
}

func flush(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	var err error
	if cluster, ok := client.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(t.Context(), func(ctx context.Context, master *redis.Client) error { return master.FlushAll(ctx).Err() })
	} else {
		err = client.FlushAll(t.Context()).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// startMiniredis runs the Redis of --dev.
func startMiniredis(t *testing.T) redis.UniversalClient {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), MaxRetries: -1, DialTimeout: slow, ReadTimeout: slow})
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
		"fsync with appendfsync always is safe":       {redistest.Safe(), Fsync, nil},
		"fsync with appendfsync everysec is not":      {append(redistest.Safe(), "--appendfsync", "everysec"), Fsync, ErrUnsafe},
		"relaxed with appendfsync everysec is safe":   {append(redistest.Safe(), "--appendfsync", "everysec"), Relaxed, nil},
		"eviction is never safe":                      {append(redistest.Safe(), "--maxmemory-policy", "allkeys-lru"), Relaxed, ErrUnsafe},
		"no append-only file is never safe":           {append(redistest.Safe(), "--appendonly", "no"), Relaxed, ErrUnsafe},
		"replicated without min-replicas is not safe": {redistest.Safe(), Replicated, ErrUnsafe},
		"volatile accepts anything, for --dev":        {append(redistest.Safe(), "--appendonly", "no"), Volatile, nil},
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
	s := New(startRedis(t, redistest.Safe()...), Config{Durability: Replicated})
	if err := s.CreateEnvironment(t.Context(), batch.ComputeEnvironment{Name: "ce"}); !errors.Is(err, errNotReplicated) {
		t.Errorf("got %v, want %v", err, errNotReplicated)
	}
}

func TestOldLeaderIsFenced(t *testing.T) {
	t.Parallel()
	s := New(startRedis(t, redistest.Safe()...), Config{})
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
	s := New(startRedis(t, redistest.Safe()...), Config{})
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
