// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/storetest"
)

// TestModel compares the store over the Redis of --dev with storetest.Memory: 2,000 sequences of 50 steps, or 200 in a short
// run. In half of them requests fail now and then, before they are carried out or after.
func TestModel(t *testing.T) {
	t.Parallel()
	const steps = 50
	sequences := 2000
	if testing.Short() {
		sequences = 200
	}
	rounds := (storetest.Rounds(t, sequences) + 1) / 2
	var played atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d sequences of %d steps, half of them with lost requests and replies", played.Load(), steps)
	})
	for name, unwell := range map[string]bool{"well": false, "unwell": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := startMiniredis(t)
			faults := &lossy{}
			client.AddHook(faults)
			storetest.RunFaultyModel(t, rounds, steps, func(t *testing.T) (storetest.Store, storetest.Faults) {
				t.Helper()
				played.Add(1)
				if err := client.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				if unwell {
					return New(client, Config{}), faults
				}
				return New(client, Config{}), nil
			})
		})
	}
}

var errLost = errors.New("connection reset by peer")

// lossy is a connection that breaks at one request, which may be a pipeline.
type lossy struct {
	left   int // requests until then; 0 is never
	after  bool
	failed bool
}

var (
	_ redis.Hook       = (*lossy)(nil)
	_ storetest.Faults = (*lossy)(nil)
)

// FailIn implements storetest.Faults.
func (l *lossy) FailIn(n int, after bool) { *l = lossy{left: n, after: after} }

// Heal implements storetest.Faults.
func (l *lossy) Heal() bool {
	failed := l.failed
	*l = lossy{}
	return failed
}

// breaks reports whether this is the request, and whether it gets through.
func (l *lossy) breaks() (breaks, through bool) {
	if l.left == 0 {
		return false, true
	}
	l.left--
	l.failed = l.failed || l.left == 0
	return l.left == 0, l.left > 0 || l.after
}

// DialHook implements redis.Hook.
func (l *lossy) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (l *lossy) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return l.send([]redis.Cmder{cmd}, func() error { return next(ctx, cmd) })
	}
}

// ProcessPipelineHook implements redis.Hook.
func (l *lossy) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return l.send(cmds, func() error { return next(ctx, cmds) })
	}
}

func (l *lossy) send(cmds []redis.Cmder, do func() error) error {
	breaks, through := l.breaks()
	var err error
	if through {
		err = do()
	}
	if !breaks {
		return err
	}
	for _, cmd := range cmds {
		cmd.SetErr(errLost)
	}
	return errLost
}
