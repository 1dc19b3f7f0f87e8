// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/redistest"
)

// countingHook counts pipelines, and holds them while it is closed.
type countingHook struct {
	pipelines atomic.Int32
	commands  atomic.Int32
	open      chan struct{}
}

func (h *countingHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *countingHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h *countingHook) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, commands []redis.Cmder) error {
		h.pipelines.Add(1)
		h.commands.Add(int32(len(commands))) //nolint:gosec // a few hundred
		<-h.open
		for _, c := range commands {
			c.(*redis.IntCmd).SetVal(7)
		}
		return nil
	}
}

// heldBatcher is a batcher whose pipelines end once the hook is opened; they never leave the process.
func heldBatcher(t *testing.T) (*batcher, *countingHook) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "none"})
	t.Cleanup(func() { _ = client.Close() })
	hook := &countingHook{open: make(chan struct{})}
	client.AddHook(hook)
	return newBatcher(client, nil), hook
}

func ask(ctx context.Context, b *batcher) (int64, error) {
	var reply *redis.IntCmd
	if err := b.do(ctx, func(pipe redis.Pipeliner) { reply = pipe.Incr(ctx, "x") }); err != nil {
		return 0, err
	}
	return reply.Result()
}

func TestBatcherSharesPipelines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, hook := heldBatcher(t)
		const callers = maxPipelines + maxPipelined + 1
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				if v, err := ask(t.Context(), b); v != 7 || err != nil {
					t.Errorf("got %d, %v", v, err)
				}
			})
		}
		synctest.Wait()
		if n := hook.pipelines.Load(); n != maxPipelines {
			t.Errorf("%d pipelines are under way, want %d", n, maxPipelines)
		}
		close(hook.open)
		wg.Wait()
		if n := hook.commands.Load(); n != callers {
			t.Errorf("%d commands were sent, want %d", n, callers)
		}
		if n := hook.pipelines.Load(); n > maxPipelines+2 {
			t.Errorf("%d pipelines for %d callers", n, callers)
		}
		if b.underWay != 0 || len(b.waiting) != 0 {
			t.Errorf("%d pipelines and %d callers are left", b.underWay, len(b.waiting))
		}
	})
}

func TestBatcherLetsACallerGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, hook := heldBatcher(t)
		var wg sync.WaitGroup
		for range maxPipelines {
			wg.Go(func() { _, _ = ask(t.Context(), b) })
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := ask(ctx, b); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		wg.Go(func() {
			if v, err := ask(t.Context(), b); v != 7 || err != nil {
				t.Errorf("who came after got %d, %v", v, err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(hook.open)
		wg.Wait()
		if b.underWay != 0 || len(b.waiting) != 0 {
			t.Errorf("%d pipelines and %d callers are left", b.underWay, len(b.waiting))
		}
	})
}

// Whoever could not reach Redis must not take its command for done.
func TestBatcherWithoutRedisFails(t *testing.T) {
	t.Parallel()
	for name, dialed := range map[string]error{"refused": syscall.ECONNREFUSED, "reset": syscall.ECONNRESET, "ended": io.EOF} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := redis.NewClient(&redis.Options{MaxRetries: -1, Dialer: func(context.Context, string, string) (net.Conn, error) {
				return nil, dialed
			}})
			t.Cleanup(func() { _ = client.Close() })
			if reply, err := ask(t.Context(), newBatcher(client, nil)); err == nil {
				t.Errorf("the command is said to have been answered %d", reply)
			}
		})
	}
}

func TestBatchedScriptsAreLoadedAgain(t *testing.T) {
	t.Parallel()
	client := startRedis(t, redistest.Safe()...)
	s := New(client, Config{})
	for i := range 2 {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				if err := s.SaveShareLedger(t.Context(), n, []byte(strconv.Itoa(i))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}
