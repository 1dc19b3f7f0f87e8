// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

// A batcher puts what many callers ask of Redis at the same time into few pipelines, so that each of them costs a share of a
// round trip. It adds no delay: whoever comes while fewer than maxPipelines are under way goes at once, with all who wait;
// who comes later waits for one of them to end. It has no goroutines of its own.
type batcher struct {
	client redis.UniversalClient
	seal   func(redis.Pipeliner) func() error // may be nil
	failed func(error)                        // is told the first error of a pipeline's commands; may be nil

	mu       sync.Mutex
	underWay int        // pipelines
	waiting  []*request // Invariant: empty while underWay < maxPipelines.
}

const (
	maxPipelines = 2
	// maxPipelined bounds the requests of one pipeline, and so how long one caller may wait for others.
	maxPipelined = 128
)

// request is what one caller asks.
type request struct {
	ask    func(redis.Pipeliner)
	moved  chan bool // true: lead a pipeline now; false: the replies are there
	sealed error     // set before moved says false
}

// newBatcher makes a batcher. seal, if there is one, ends each pipeline with commands of its own and then judges all of it.
func newBatcher(client redis.UniversalClient, seal func(redis.Pipeliner) func() error) *batcher {
	return &batcher{client: client, seal: seal}
}

// do has ask put commands into a pipeline and returns once it was sent and answered; the commands then hold their replies
// or errors. It fails only with ctx or by the seal: the commands may have run then.
func (b *batcher) do(ctx context.Context, ask func(redis.Pipeliner)) error {
	mine := &request{ask: ask, moved: make(chan bool, 1)}
	if b.enter(mine) {
		b.lead(ctx, mine)
		return mine.sealed
	}
	select {
	case leads := <-mine.moved:
		if leads {
			b.lead(ctx, mine)
		}
		return mine.sealed
	case <-ctx.Done():
		if !b.leave(mine) {
			select {
			case leads := <-mine.moved:
				if leads {
					b.lead(ctx, mine) // others wait behind it
				}
			default: // on its way
			}
		}
		return ctx.Err()
	}
}

// enter reports whether r may go at once; else it waits.
func (b *batcher) enter(r *request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.underWay < maxPipelines {
		b.underWay++
		return true
	}
	b.waiting = append(b.waiting, r)
	return false
}

// leave reports whether r was still waiting; it is then forgotten.
func (b *batcher) leave(r *request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, r)
	if i < 0 {
		return false
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	return true
}

// tellAll gives a pipeline's error to its commands if none has one. The client leaves them as if they had succeeded with
// empty replies when it finds no connection at all; in any other case those that failed have errors of their own.
func tellAll(commands []redis.Cmder, err error) {
	if err == nil || slices.ContainsFunc(commands, func(c redis.Cmder) bool { return c.Err() != nil }) {
		return
	}
	for _, c := range commands {
		c.SetErr(err)
	}
}

// lead sends r and those who wait, and then lets the next go.
func (b *batcher) lead(ctx context.Context, r *request) {
	b.mu.Lock()
	n := min(len(b.waiting), maxPipelined-1)
	followers := slices.Clone(b.waiting[:n])
	b.waiting = slices.Delete(b.waiting, 0, n)
	b.mu.Unlock()

	pipe := b.client.Pipeline()
	r.ask(pipe)
	for _, f := range followers {
		f.ask(pipe)
	}
	verdict := func() error { return nil }
	if b.seal != nil {
		verdict = b.seal(pipe)
	}
	// One caller's end must not be that of the others; the client's own timeouts hold.
	commands, err := pipe.Exec(context.WithoutCancel(ctx))
	tellAll(commands, err)
	if err != nil && b.failed != nil {
		b.failed(err)
	}

	r.sealed = verdict()
	for _, f := range followers {
		f.sealed = r.sealed
		f.moved <- false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.underWay--
		return
	}
	next := b.waiting[0]
	b.waiting = slices.Delete(b.waiting, 0, 1)
	next.moved <- true
}
