// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redistest"
)

// writableAgain bounds what a failover may take. It is held where failovers are counted, by MUSTER_FAILOVERS: on a machine
// that does other things, too, everything may take longer.
const writableAgain = 30 * time.Second

// patience bounds every wait for Redis.
const patience = 2 * time.Minute

// failing is a Redis of which a replica takes a master's place.
type failing interface {
	URL() string
	Direct(ctx context.Context, network, address string) (net.Conn, error)
	AwaitWhole()
	Fail(fault redistest.Fault, shard int) (undo func())
}

// TestFailoversLoseNothing has masters fail again and again, each time in another way and another one, while clients write to
// all. MUSTER_FAILOVERS says how often, once in each way by default.
func TestFailoversLoseNothing(t *testing.T) {
	t.Parallel()
	kinds := map[string]struct {
		start    func(t *testing.T) failing
		shards   int
		needsAll bool // no write is taken before the node that failed is back: it was the only replica that there can be
	}{
		"Sentinels":     {start: func(t *testing.T) failing { t.Helper(); return redistest.StartSentinels(t) }, shards: 1},
		"Redis Cluster": {start: func(t *testing.T) failing { t.Helper(); return redistest.StartCluster(t, 3, 1) }, shards: 3, needsAll: true},
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers := kind.start(t)
			f := &failovers{servers: servers, shards: kind.shards, needsAll: kind.needsAll, store: storeOf(t, servers), took: map[redistest.Fault][]time.Duration{}}
			f.run(t)
		})
	}
}

// failovers is one kind of Redis, its clients and what became of it.
type failovers struct {
	servers  failing
	shards   int
	needsAll bool
	store    *Store
	leader   *Store
	writing  *writing
	took     map[redistest.Fault][]time.Duration // until a write was taken
}

func (f *failovers) run(t *testing.T) {
	t.Helper()
	count, isCounted := howMany(t)
	f.writing = startWriting(t, f.store, f.queues(t))
	f.leader = lead(t, f.store)
	for i := range count {
		faults := redistest.Faults()
		f.fail(t, faults[i%len(faults)], (i+i/len(faults))%f.shards)
	}
	f.servers.AwaitWhole()
	f.writing.stop()
	for fault, took := range f.took {
		slices.Sort(took)
		longest := took[len(took)-1]
		if isCounted && longest > writableAgain {
			t.Errorf("after the master was %s it took %s until a write was taken", fault, longest)
		}
		t.Logf("%d times %s: writable again within %s, at the median %s", len(took), fault, longest, took[len(took)/2])
	}
	lost, of := f.writing.lost(t, f.store, 0)
	if lost > 0 {
		t.Errorf("%d of %d acknowledged jobs are lost", lost, of)
	}
	t.Logf("%d jobs acknowledged, %d lost, %d calls failed meanwhile", of, lost, f.writing.failed.Load())
}

// howMany failovers there are to be, and whether somebody said so.
func howMany(t *testing.T) (count int, isCounted bool) {
	t.Helper()
	text := os.Getenv("MUSTER_FAILOVERS")
	if text == "" {
		return len(redistest.Faults()), false
	}
	count, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return count, true
}

// fail is one failover.
func (f *failovers) fail(t *testing.T, fault redistest.Fault, shard int) {
	t.Helper()
	f.servers.AwaitWhole()
	checked, began := f.writing.count(), time.Now()
	undo := f.servers.Fail(fault, shard)
	if f.needsAll {
		undo()
	}
	f.writing.awaitWrites(t, fault)
	f.took[fault] = append(f.took[fault], time.Since(began))
	f.leader = takeOver(t, f.store, f.leader, f.writing.last())
	lost, of := f.writing.lost(t, f.store, checked)
	if lost > 0 {
		t.Errorf("after the master of shard %d was %s %d of %d acknowledged jobs are lost", shard, fault, lost, of)
	}
	if !f.needsAll {
		undo()
	}
}

// queues makes one in each shard.
func (f *failovers) queues(t *testing.T) []int {
	t.Helper()
	cluster, _ := f.servers.(*redistest.Cluster)
	found := map[int]int{}
	for len(found) < f.shards {
		q := createQueue(t, f.store)
		shard := 0
		if cluster != nil {
			shard = cluster.Shard(slotOf(q.Number).epoch())
		}
		found[shard] = q.Number
	}
	return slices.Collect(maps.Values(found))
}

// createQueue makes a queue as soon as Redis lets it.
func createQueue(t *testing.T, s *Store) (q batch.JobQueue) {
	t.Helper()
	err := insist(t, func() (err error) {
		// Of another name each time: one that no replica confirmed may be there.
		q, err = s.CreateQueue(t.Context(), batch.JobQueue{Name: rand.Text()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// storeOf makes a store whose client reaches the nodes past their cables.
func storeOf(t *testing.T, servers failing) *Store {
	t.Helper()
	o := severalOf(t, strings.TrimPrefix(servers.URL(), "redis+"))
	o.Dialer = servers.Direct
	client := redis.NewUniversalClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return New(client, Config{Durability: Replicated})
}

// lead starts a leadership as soon as Redis lets it.
func lead(t *testing.T, s *Store) (leader *Store) {
	t.Helper()
	err := insist(t, func() (err error) { leader, err = s.Lead(t.Context()); return err })
	if err != nil {
		t.Fatal(err)
	}
	return leader
}

// insist repeats what Redis does not take now: on a machine that does other things, too, it may fail over by itself.
func insist(t *testing.T, call func() error) error {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := call()
		if err == nil || errors.Is(err, batch.ErrStaleEpoch) || errors.Is(err, batch.ErrNotFound) || time.Now().After(deadline) {
			return err
		}
	}
}

// takeOver starts a leadership and checks that the one before can write nothing any more to any of the queues whose jobs are
// given, though Redis has another master.
func takeOver(t *testing.T, s, before *Store, jobs []string) *Store {
	t.Helper()
	leader := lead(t, s)
	explain := func(j batch.Job) (batch.Job, error) { //nolint:unparam // what Transition takes
		j.StatusReason += "."
		return j, nil
	}
	for _, id := range jobs {
		transition := func(by *Store) error {
			return insist(t, func() error { _, err := by.Transition(t.Context(), id, explain); return err })
		}
		if err := transition(before); !errors.Is(err, batch.ErrStaleEpoch) {
			t.Errorf("the leader before got %v, want %v", err, batch.ErrStaleEpoch)
		}
		if err := transition(leader); err != nil {
			t.Errorf("the leader got %v", err)
		}
	}
	return leader
}

// writing is clients that submit jobs all the time, each until it is acknowledged, as an SDK does.
type writing struct {
	end     context.CancelFunc
	clients sync.WaitGroup
	failed  atomic.Int64

	mu     sync.Mutex
	acked  []string
	latest map[int]ackedJob // by queue
}

// ackedJob was acknowledged to a call that began at some time.
type ackedJob struct {
	id    string
	began time.Time
}

const clientsOfAll = 9

func startWriting(t *testing.T, s *Store, queues []int) *writing {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	w := &writing{end: end, latest: map[int]ackedJob{}}
	for _, queue := range queues {
		w.latest[queue] = ackedJob{}
		for range clientsOfAll / len(queues) {
			w.clients.Go(func() {
				for ctx.Err() == nil {
					w.submit(ctx, s, queue)
					time.Sleep(5 * time.Millisecond) // the machine is Redis's too
				}
			})
		}
	}
	t.Cleanup(w.stop)
	w.awaitWrites(t, "not yet there")
	return w
}

func (w *writing) submit(ctx context.Context, s *Store, queue int) {
	id, err := batch.NewJobID(queue, nil)
	if err != nil {
		panic(err)
	}
	for ctx.Err() == nil {
		began := time.Now()
		if _, err := s.Submit(context.Background(), queue, batch.Job{ID: id, Status: batch.StatusRunnable}); err == nil {
			w.mu.Lock()
			w.acked = append(w.acked, id)
			if began.After(w.latest[queue].began) {
				w.latest[queue] = ackedJob{id, began}
			}
			w.mu.Unlock()
			return
		}
		w.failed.Add(1)
		time.Sleep(10 * time.Millisecond)
	}
}

// awaitWrites returns once a write to each queue is acknowledged that began after it was called.
func (w *writing) awaitWrites(t *testing.T, after redistest.Fault) {
	t.Helper()
	called := time.Now()
	for !w.areAllAfter(called) {
		if time.Since(called) > patience {
			t.Fatalf("no write is taken after the master was %s", after)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *writing) areAllAfter(moment time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range w.latest {
		if !j.began.After(moment) {
			return false
		}
	}
	return true
}

// last are the jobs of each queue that were acknowledged last.
func (w *writing) last() (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range w.latest {
		ids = append(ids, j.id)
	}
	return ids
}

// count is how many jobs are acknowledged.
func (w *writing) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

func (w *writing) stop() {
	w.end()
	w.clients.Wait()
}

// lost counts the acknowledged jobs from one on that are not there, and says how many there were.
func (w *writing) lost(t *testing.T, s *Store, from int) (lost, of int) {
	t.Helper()
	w.mu.Lock()
	acked := slices.Clone(w.acked[from:])
	w.mu.Unlock()
	for ids := range slices.Chunk(acked, 1000) {
		var jobs []batch.Job
		if err := insist(t, func() (err error) { jobs, err = s.Jobs(t.Context(), ids); return err }); err != nil {
			t.Fatal(err)
		}
		lost += len(ids) - len(jobs)
	}
	return lost, len(acked)
}
