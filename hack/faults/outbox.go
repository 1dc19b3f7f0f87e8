// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/hack/faults/check"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/redisstore"
)

// outbox reads every change of status that the store tells, from Redis itself.
type outbox struct {
	client redis.UniversalClient
	store  *redisstore.Store

	mu      sync.Mutex // guards what follows
	cursors map[int]string
	changes map[string][]check.Change
}

func newOutbox(address string) (*outbox, error) {
	redis.SetLogger(silence{})
	client, err := redisstore.Open("redis://" + address + "/0")
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return &outbox{
		client: client, store: redisstore.New(client, redisstore.Config{}), cursors: map[int]string{}, changes: map[string][]check.Change{},
	}, nil
}

// silence drops what the client says of each connection that Redis does not take.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// pollInterval lies between two looks: no queue's outbox loses entries so soon.
const pollInterval = 200 * time.Millisecond

func (o *outbox) run(ctx context.Context) {
	for ctx.Err() == nil {
		_ = o.catchUp(ctx) // Redis may be down; what was missed is read later
		pause(ctx, pollInterval)
	}
	_ = o.client.Close()
}

// catchUp reads what is new.
func (o *outbox) catchUp(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	queues, err := o.store.Queues(ctx)
	if err != nil {
		return err
	}
	const page = 1000
	for _, q := range queues {
		for {
			changes, err := o.store.StatusChanges(ctx, q.Number, o.cursors[q.Number], page)
			if err != nil {
				return err
			}
			for _, c := range changes {
				o.changes[c.JobID] = append(o.changes[c.JobID], check.Change{From: c.From, To: c.To})
				o.cursors[q.Number] = c.Cursor
			}
			if len(changes) < page {
				break
			}
		}
	}
	return nil
}

// audit holds every record of the store against every index. Some of what looks wrong needs a second look.
func (o *outbox) audit(ctx context.Context) ([]string, error) {
	var found []string
	for range 2 {
		found = nil
		_, err := o.store.Audit(ctx, false, func(f batch.Finding) { found = append(found, f.String()) }, context.Context.Err)
		if err != nil {
			return nil, fmt.Errorf("audit store: %w", err)
		}
	}
	return found, nil
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
