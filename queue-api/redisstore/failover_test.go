// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
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

// writableAgain bounds what a failover may take.
const writableAgain = 30 * time.Second

// A masterFault takes the master away from the Sentinels. What it returns brings the node back to a new master.
type masterFault struct {
	name string
	do   func(master *redistest.Node) (undo func(newMaster *redistest.Node))
}

var masterFaults = []masterFault{
	{"killed", func(master *redistest.Node) func(*redistest.Node) {
		master.Kill()
		return master.RestartAsReplica
	}},
	{"paused", func(master *redistest.Node) func(*redistest.Node) {
		master.Pause()
		return func(*redistest.Node) { master.Resume() }
	}},
	{"parted", func(master *redistest.Node) func(*redistest.Node) { // from all but the clients: they go on writing to it
		master.Cable.Cut()
		return func(*redistest.Node) { master.Cable.Join() }
	}},
}

// TestFailoversLoseNothing has the master fail again and again, each time in another way, while clients write. MUSTER_FAILOVERS
// says how often, once in each way by default.
func TestFailoversLoseNothing(t *testing.T) {
	t.Parallel()
	count := len(masterFaults)
	if text := os.Getenv("MUSTER_FAILOVERS"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	sentinels := redistest.StartSentinels(t)
	s := storeOf(t, sentinels)
	w := startWriting(t, s)
	leader := lead(t, s)
	outages := map[string][]time.Duration{}
	checked := 0
	for i := range count {
		fault := masterFaults[i%len(masterFaults)]
		sentinels.AwaitWhole()
		old := sentinels.Master()
		began := time.Now()
		undo := fault.do(old)
		w.awaitWrite(t, fault.name)
		outages[fault.name] = append(outages[fault.name], time.Since(began))
		leader = takeOver(t, s, leader, w)
		lost, of := w.lost(t, s, checked)
		if lost > 0 {
			t.Errorf("failover %d: after the master was %s %d of the last %d acknowledged jobs are lost", i, fault.name, lost, of-checked)
		}
		checked = of
		undo(sentinels.Master())
	}
	w.stop()
	for name, took := range outages {
		if longest := slices.Max(took); longest > writableAgain {
			t.Errorf("after the master was %s it took %s until a write was taken", name, longest)
		}
		slices.Sort(took)
		t.Logf("%d times %s: writable again within %s, at the median %s", len(took), name, slices.Max(took), took[len(took)/2])
	}
	lost, of := w.lost(t, s, 0)
	if lost > 0 {
		t.Errorf("%d of %d acknowledged jobs are lost", lost, of)
	}
	t.Logf("%d jobs acknowledged, %d lost, %d calls failed meanwhile", of, lost, w.failed.Load())
}

// storeOf makes a store whose client reaches the nodes past their cables.
func storeOf(t *testing.T, sentinels *redistest.Sentinels) *Store {
	t.Helper()
	o, err := severalServers("redis", "sentinel", strings.TrimPrefix(sentinels.URL(), "redis+sentinel://"))
	if err != nil {
		t.Fatal(err)
	}
	o.Dialer = sentinels.Direct
	client := redis.NewUniversalClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return New(client, Config{Durability: Replicated})
}

// lead starts a leadership as soon as Redis lets it.
func lead(t *testing.T, s *Store) *Store {
	t.Helper()
	for {
		leader, err := s.Lead(t.Context())
		if err == nil {
			return leader
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
		t.Logf("lead: %v", err)
		time.Sleep(10 * time.Millisecond)
	}
}

// takeOver starts a leadership and checks that the one before can write nothing any more, though Redis has another master.
func takeOver(t *testing.T, s, before *Store, w *writing) *Store {
	t.Helper()
	leader := lead(t, s)
	id := w.last()
	explain := func(j batch.Job) (batch.Job, error) { j.StatusReason += "."; return j, nil }
	if _, err := before.Transition(t.Context(), id, explain); !errors.Is(err, batch.ErrStaleEpoch) {
		t.Errorf("the leader before got %v, want %v", err, batch.ErrStaleEpoch)
	}
	if _, err := leader.Transition(t.Context(), id, explain); err != nil {
		t.Errorf("the leader got %v", err)
	}
	return leader
}

// writing is clients that submit jobs all the time, each until it is acknowledged, as an SDK does.
type writing struct {
	queue   int
	end     context.CancelFunc
	clients sync.WaitGroup
	failed  atomic.Int64

	mu    sync.Mutex
	acked []ackedJob
}

// ackedJob was acknowledged to a call that began at some time.
type ackedJob struct {
	id    string
	began time.Time
}

func startWriting(t *testing.T, s *Store) *writing {
	t.Helper()
	q, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	w := &writing{queue: q.Number, end: end}
	for range 8 {
		w.clients.Go(func() {
			for ctx.Err() == nil {
				w.submit(ctx, s)
				time.Sleep(5 * time.Millisecond) // the machine is the Sentinels' too
			}
		})
	}
	t.Cleanup(w.stop)
	w.awaitWrite(t, "not yet there")
	return w
}

func (w *writing) submit(ctx context.Context, s *Store) {
	id, err := batch.NewJobID(w.queue, nil)
	if err != nil {
		panic(err)
	}
	for ctx.Err() == nil {
		began := time.Now()
		if _, err := s.Submit(context.Background(), w.queue, batch.Job{ID: id, Status: batch.StatusRunnable}); err == nil {
			w.mu.Lock()
			w.acked = append(w.acked, ackedJob{id, began})
			w.mu.Unlock()
			return
		}
		w.failed.Add(1)
		time.Sleep(10 * time.Millisecond)
	}
}

// awaitWrite returns once a write is acknowledged that began after it was called.
func (w *writing) awaitWrite(t *testing.T, after string) {
	t.Helper()
	called := time.Now()
	isAfter := func(j ackedJob) bool { return j.began.After(called) }
	for {
		w.mu.Lock()
		ok := slices.ContainsFunc(w.acked[max(0, len(w.acked)-64):], isAfter)
		w.mu.Unlock()
		if ok {
			return
		}
		if time.Since(called) > 2*writableAgain {
			t.Fatalf("no write is taken after the master was %s", after)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// last is the job that was acknowledged last.
func (w *writing) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acked[len(w.acked)-1].id
}

func (w *writing) stop() {
	w.end()
	w.clients.Wait()
}

// lost counts the acknowledged jobs from one on that are not there, and says how many there were altogether.
func (w *writing) lost(t *testing.T, s *Store, from int) (lost, of int) {
	t.Helper()
	w.mu.Lock()
	acked := slices.Clone(w.acked[from:])
	w.mu.Unlock()
	for chunk := range slices.Chunk(acked, 1000) {
		ids := make([]string, len(chunk))
		for i, j := range chunk {
			ids[i] = j.id
		}
		jobs, err := s.Jobs(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		lost += len(ids) - len(jobs)
	}
	return lost, from + len(acked)
}
