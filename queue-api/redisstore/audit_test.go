// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/redistest"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// audit makes one pass and gives what it found.
func (w *town) audit(repair bool) []batch.Finding {
	w.t.Helper()
	return auditOf(w.t, w.Store, repair)
}

func auditOf(t *testing.T, s *Store, repair bool) []batch.Finding {
	t.Helper()
	var out []batch.Finding
	_, err := s.Audit(t.Context(), repair, func(f batch.Finding) { out = append(out, f) }, unpaced)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func unpaced(context.Context) error { return nil }

// dump is all that Redis holds, by key and entry.
func dump(t *testing.T, client redis.UniversalClient) map[string]string {
	t.Helper()
	ctx := t.Context()
	keys := client.Keys(ctx, "*").Val()
	types, contents := client.Pipeline(), client.Pipeline()
	for _, key := range keys {
		types.Type(ctx, key)
	}
	kinds, err := types.Exec(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		switch kind := kinds[i].(*redis.StatusCmd).Val(); kind {
		case "string":
			contents.Get(ctx, key)
		case "hash":
			contents.HGetAll(ctx, key)
		case "set":
			contents.SMembers(ctx, key)
		case "zset":
			contents.ZRangeWithScores(ctx, key, 0, -1)
		case "stream":
			contents.XLen(ctx, key)
		default:
			t.Fatalf("type %s of %s", kind, key)
		}
	}
	replies, err := contents.Exec(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for i, key := range keys {
		flatten(out, key, replies[i])
	}
	return out
}

// flatten adds a key's content to a dump, but for numbers that are 0 as if they were absent, and for hints.
func flatten(out map[string]string, key string, reply redis.Cmder) {
	switch r := reply.(type) {
	case *redis.StringCmd:
		out[key] = r.Val()
	case *redis.MapStringStringCmd:
		for field, v := range r.Val() {
			isZero := v == "0" && (strings.Contains(key, "usage") || strings.Contains(key, "share-live"))
			isHint := strings.Contains(key, ":j:") && field == fieldNext
			if !isZero && !isHint {
				out[key+"\t"+field] = v
			}
		}
	case *redis.StringSliceCmd:
		for _, v := range r.Val() {
			out[key+"\t"+v] = "in"
		}
	case *redis.ZSliceCmd:
		for _, z := range r.Val() {
			out[fmt.Sprintf("%s\t%s", key, z.Member)] = strconv.FormatFloat(z.Score, 'f', -1, 64)
		}
	case *redis.IntCmd:
		out[key] = strconv.FormatInt(r.Val(), 10)
	}
}

// A damage is something that happened to the store behind its back.
type damage struct {
	what string
	do   func(ctx context.Context) error
}

// canBeMade are the kinds of a queue's keys that are made again from others; those that follow are the global ones.
var canBeMade = []string{
	"status", "waiting", "waiting-shares", "active-shares", "live", "usage", "share-usage", "share-live", "ended", "consumers", "k",
	"specs", "spec-references", "order", "d",
}

var canBeMadeGlobally = []string{"queue-number", "revisions", "consumables", "consumable-holders"}

func isMadeAgain(key string) bool {
	if rest, ok := strings.CutPrefix(key, global); ok {
		return slices.Contains(canBeMadeGlobally, rest)
	}
	_, kind, _, ok := cutKey(key)
	return ok && slices.Contains(canBeMade, kind)
}

// damages are: every index lost as a whole, every entry of it lost, every entry at another score, and entries of nothing.
func (w *town) damages() []damage {
	w.t.Helper()
	var out []damage
	add := func(what, key string, do func(ctx context.Context) error) {
		out = append(out, damage{what + " " + printable(key), do})
	}
	ctx := w.t.Context()
	for _, key := range w.client.Keys(ctx, "*").Val() {
		if !isMadeAgain(key) {
			continue
		}
		add("lose", key, func(ctx context.Context) error { return w.client.Del(ctx, key).Err() })
		stranger := string(mustLocate(w.t, w.stranger()).id)
		switch w.client.Type(ctx, key).Val() {
		case "hash":
			for _, field := range w.client.HKeys(ctx, key).Val() {
				add("lose field", key, func(ctx context.Context) error { return w.client.HDel(ctx, key, field).Err() })
			}
		case "set":
			for _, v := range w.client.SMembers(ctx, key).Val() {
				add("lose member", key, func(ctx context.Context) error { return w.client.SRem(ctx, key, v).Err() })
			}
			if strings.HasSuffix(key, ":live") {
				add("add stranger", key, func(ctx context.Context) error { return w.client.SAdd(ctx, key, stranger).Err() })
			}
		case "zset":
			isIndex := !strings.Contains(key, ":d:")
			for _, v := range w.client.ZRange(ctx, key, 0, -1).Val() {
				add("lose entry", key, func(ctx context.Context) error { return w.client.ZRem(ctx, key, v).Err() })
				if isIndex {
					add("misplace", key, func(ctx context.Context) error { return w.client.ZIncrBy(ctx, key, -0.5, v).Err() })
				}
			}
			if isIndex {
				add("add stranger", key, func(ctx context.Context) error {
					return w.client.ZAdd(ctx, key, redis.Z{Score: 1, Member: stranger}).Err()
				})
				for _, id := range w.jobs {
					at := mustLocate(w.t, id)
					if w.client.ZScore(ctx, key, string(at.id)).Err() != nil {
						add("add "+id, key, func(ctx context.Context) error {
							return w.client.ZAdd(ctx, key, redis.Z{Score: 1, Member: string(at.id)}).Err()
						})
						break
					}
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b damage) int { return strings.Compare(a.what, b.what) })
	return out
}

// stranger is the id of a job that there is not.
func (w *town) stranger() string { return batch.DeriveJobID(w.queue.Number, "stranger") }

func mustLocate(t *testing.T, id string) address {
	t.Helper()
	at, err := locate(id)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestAuditRepairs does every single damage to every index, and holds that the audit finds it and that everything is then as
// it was.
func TestAuditRepairs(t *testing.T) {
	t.Parallel()
	client := startRedis(t)
	w := newTown(t, client, 7)
	if found := w.audit(false); len(found) > 0 {
		t.Fatalf("before anything happened: %v", found)
	}
	want := dump(t, client)
	damages := w.damages()
	missed := 0
	for _, d := range damages {
		w.must(d.do(t.Context()))
		if cmp.Equal(want, dump(t, client)) {
			continue // a counter that was absent, or 0
		}
		before := len(w.audit(false))
		found := w.auditUntilQuiet()
		if before == 0 && found == 0 {
			missed++
			t.Errorf("%s: not found", d.what)
		}
		if diff := cmp.Diff(want, dump(t, client)); diff != "" {
			t.Fatalf("%s: after repair (-want +got):\n%s", d.what, diff)
		}
	}
	t.Logf("%d damages, %d missed, %d keys and entries", len(damages), missed, len(want))
}

// auditUntilQuiet repairs until a pass finds nothing: what depends on something that was wrong follows in the next pass.
func (w *town) auditUntilQuiet() (found int) {
	w.t.Helper()
	for range 5 {
		some := w.audit(true)
		found += len(some)
		// The number of those who have a spec must be seen twice.
		if len(some) == 0 && len(w.suspects.next) == 0 {
			return found
		}
	}
	w.t.Errorf("the last of five passes found %v", w.audit(false))
	return found
}

// TestAuditUnderLoad audits while others write, and damages what they use meanwhile: nothing is found that is not so, and in
// the end all is well.
func TestAuditUnderLoad(t *testing.T) {
	t.Parallel()
	client := startRedis(t)
	w := newTown(t, client, 11)
	work := func(ctx context.Context, seed uint64, wg *sync.WaitGroup) {
		defer wg.Done()
		mine := *w
		mine.seed, mine.jobs = rand.New(rand.NewPCG(seed, 2)), slices.Clone(w.jobs)
		for ctx.Err() == nil {
			if mine.seed.IntN(200) == 0 {
				mine.submit()
			}
			mine.tryLive(mine.jobs[mine.seed.IntN(len(mine.jobs))])
		}
	}
	load := func(do func()) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Add(1)
			go work(ctx, uint64(i)+w.seed.Uint64(), &wg) //nolint:gosec // a seed
		}
		do()
		cancel()
		wg.Wait()
	}
	passes := 0
	load(func() {
		for range 15 {
			for _, f := range w.audit(true) {
				if f.Check != batch.CheckHolders { // the workers of this test race for one attempt
					t.Errorf("nothing was wrong: %v", f)
				}
			}
			passes++
		}
	})
	done := 0
	load(func() {
		damages := w.damages()
		for range 60 {
			if d := damages[w.seed.IntN(len(damages))]; !strings.Contains(d.what, "specs") { // whose loss fails what others do
				w.must(d.do(t.Context()))
				done++
			}
			if done%10 == 0 {
				w.audit(true)
			}
		}
	})
	w.auditUntilQuiet()
	n, err := w.Audit(t.Context(), false, func(f batch.Finding) { t.Errorf("left over: %v", f) }, unpaced)
	w.must(err)
	t.Logf("%d quiet passes under load; %d damages under load; %d records", passes, done, n)
}

// A lost record cannot be made again: it is reported, and what points to it goes.
func TestAuditReportsLostRecords(t *testing.T) {
	t.Parallel()
	client := startRedis(t)
	w := newTown(t, client, 3)
	for _, id := range w.jobs {
		at := mustLocate(t, id)
		stored := client.Dump(t.Context(), at.record()).Val()
		if stored == "" {
			continue
		}
		w.must(client.Del(t.Context(), at.record()).Err())
		found := w.audit(true)
		isReported := slices.ContainsFunc(found, func(f batch.Finding) bool {
			return f.Check == batch.CheckRecord && strings.HasPrefix(f.Job, id)
		})
		if !isReported && !at.id.isChild() {
			t.Errorf("job %s: lost, not reported: %v", id, found)
		}
		w.must(client.Restore(t.Context(), at.record(), 0, stored).Err())
		w.auditUntilQuiet()
	}
}

// TestAuditOfModels holds that nothing is found after any sequence of operations of the model.
func TestAuditOfModels(t *testing.T) {
	t.Parallel()
	client := startRedis(t)
	rounds := 2
	if testing.Short() {
		rounds = 1
	}
	audited := 0
	storetest.RunModel(t, rounds, 50, func(t *testing.T) storetest.Store {
		t.Helper()
		s := New(client, Config{})
		for _, f := range auditOf(t, s, false) {
			// The model takes and gives, settles and unsettles as it likes.
			if f.Check != batch.CheckDependents && f.Check != batch.CheckHolders {
				t.Errorf("%v", f)
			}
		}
		audited++
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return s
	})
	t.Logf("%d sequences audited", audited)
}

// What is under way is nothing broken: a queue that the leader has not written to, and an array whose children are forgotten
// before it is.
func TestAuditOfWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakeClock(time.Now())
	client := startRedis(t)
	s := New(client, Config{Retention: time.Hour, Clock: clock})
	leader, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q, err := s.CreateQueue(t.Context(), batch.JobQueue{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	id := batch.DeriveJobID(q.Number, "array")
	if _, err := s.Submit(t.Context(), q.Number, batch.Job{ID: id, Queue: "q", ArraySize: 2, Status: batch.StatusPending}); err != nil {
		t.Fatal(err)
	}
	for _, f := range auditOf(t, leader, true) {
		t.Errorf("a new queue: %v", f)
	}
	for i := range 2 {
		for _, ev := range []lifecycle.Event{lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "p"}, lifecycle.Bound{Attempt: 1}, lifecycle.Ended{Attempt: 1}} {
			if _, err := s.Transition(t.Context(), batch.ChildID(id, i), stepping(ev, clock.Now())); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := s.Transition(t.Context(), id, stepping(lifecycle.ChildrenEnded{}, clock.Now())); err != nil {
		t.Fatal(err)
	}
	clock.Step(time.Hour)
	at := mustLocate(t, batch.ChildID(id, 0))
	if err := client.Del(t.Context(), at.record()).Err(); err != nil { // as retireChildren does
		t.Fatal(err)
	}
	for _, f := range auditOf(t, leader, true) {
		t.Errorf("an array that is being forgotten: %v", f)
	}
}

func stepping(ev lifecycle.Event, now time.Time) func(batch.Job) (batch.Job, error) {
	return func(j batch.Job) (batch.Job, error) {
		next, _, err := lifecycle.Step(j, ev, now)
		return next, err
	}
}

// TestAuditElsewhere audits a Redis Cluster, whose servers each have a part, and the Redis of --dev.
func TestAuditElsewhere(t *testing.T) {
	t.Parallel()
	cluster := open(t, redistest.StartCluster(t, 3, 0).URL())
	for name, client := range map[string]redis.UniversalClient{"cluster": cluster, "in memory": startMiniredis(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t, client, 5)
			if found := w.audit(true); len(found) > 0 {
				t.Errorf("nothing was wrong: %v", found)
			}
			q := slotOf(w.queue.Number)
			for _, key := range []string{q.live(), q.usage(), q.status(batch.StatusRunnable), q.waitingShares(), q.specReferences()} {
				w.must(client.Del(t.Context(), key).Err())
			}
			if found := w.auditUntilQuiet(); found < 5 {
				t.Errorf("%d findings", found)
			}
		})
	}
}
