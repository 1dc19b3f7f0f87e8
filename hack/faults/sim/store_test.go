// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/muster-batch/muster/plugins/plugintest/virtual"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// chance draws what goes wrong from a seed and from what it happens to, not from the order in which goroutines come.
type chance struct {
	seed  uint64
	share float64

	mu  sync.Mutex // guards nth
	nth map[string]int
}

func newChance(seed uint64, share float64) *chance {
	return &chance{seed: seed, share: share, nth: map[string]int{}}
}

// of draws a fault for the next request of these words.
func (c *chance) of(words ...any) virtual.Fault {
	key := fmt.Sprint(words...)
	c.mu.Lock()
	c.nth[key]++
	h := fnv.New64a()
	fmt.Fprint(h, key, "/", c.nth[key])
	share := c.share
	c.mu.Unlock()
	random := rand.New(rand.NewPCG(c.seed, h.Sum64())) //nolint:gosec // the same for the same seed
	switch n := random.Float64(); {
	case n < share/2:
		return virtual.Refused
	case n < share:
		return virtual.Unanswered
	}
	return virtual.None
}

func (c *chance) heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share = 0
}

// errAway is what a call of the store comes to that it did not get, or whose reply was lost.
var errAway = errors.New("the store is away")

// faulty is the store as one leader reaches it.
type faulty struct {
	*storetest.Memory

	chance *chance
	dead   atomic.Bool // nothing the leader writes counts any more
	faults *atomic.Int64
	writes atomic.Int64
	skips  int64 // each so many-th write is acknowledged and not done; 0 for none
}

func ask[T any](f *faulty, what, of string, do func() (T, error)) (T, error) {
	var zero T
	fault := f.chance.of(what, of)
	if fault != virtual.None {
		f.faults.Add(1)
	}
	if f.dead.Load() || fault == virtual.Refused {
		return zero, errAway
	}
	out, err := do()
	if fault == virtual.Unanswered {
		return zero, errAway
	}
	return out, err
}

func (f *faulty) Queues(ctx context.Context) ([]batch.JobQueue, error) {
	return ask(f, "queues", "", func() ([]batch.JobQueue, error) { return f.Memory.Queues(ctx) })
}

func (f *faulty) Job(ctx context.Context, id string) (batch.Job, error) {
	return ask(f, "job", id, func() (batch.Job, error) { return f.Memory.Job(ctx, id) })
}

func (f *faulty) Jobs(ctx context.Context, ids []string) ([]batch.Job, error) {
	return ask(f, "jobs", strconv.Itoa(len(ids)), func() ([]batch.Job, error) { return f.Memory.Jobs(ctx, ids) })
}

func (f *faulty) Transition(ctx context.Context, id string, step func(batch.Job) (batch.Job, error)) (batch.Job, error) {
	return ask(f, "transition", id, func() (batch.Job, error) {
		if f.skips > 0 && f.writes.Add(1)%f.skips == 0 {
			job, err := f.Memory.Job(ctx, id)
			if err != nil {
				return job, err
			}
			return step(job)
		}
		return f.Memory.Transition(ctx, id, step)
	})
}

func (f *faulty) Usage(ctx context.Context, queue int) (map[string]int64, error) {
	return ask(f, "usage", "", func() (map[string]int64, error) { return f.Memory.Usage(ctx, queue) })
}

func (f *faulty) Live(ctx context.Context, queue int) ([]string, error) {
	return ask(f, "live", "", func() ([]string, error) { return f.Memory.Live(ctx, queue) })
}

func (f *faulty) Settled(ctx context.Context, queue int, after int64, limit int) ([]batch.Settled, error) {
	return ask(f, "settled", "", func() ([]batch.Settled, error) { return f.Memory.Settled(ctx, queue, after, limit) })
}

func (f *faulty) Unsettle(ctx context.Context, mark batch.Settled) error {
	_, err := ask(f, "unsettle", mark.ID, func() (bool, error) { return true, f.Memory.Unsettle(ctx, mark) })
	return err
}

func (f *faulty) RemoveDependent(ctx context.Context, on string, dependent batch.Dependent) error {
	_, err := ask(f, "remove dependent", on, func() (bool, error) { return true, f.Memory.RemoveDependent(ctx, on, dependent) })
	return err
}

func (f *faulty) WaitingFirst(ctx context.Context, queue int, shares []string, limit int) ([]batch.Page, error) {
	return ask(f, "waiting", "", func() ([]batch.Page, error) { return f.Memory.WaitingFirst(ctx, queue, shares, limit) })
}
