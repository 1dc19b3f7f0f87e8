// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// consumables holds what is in use of consumable resources against those that hold it, and the names against the resources.
func (a *auditor) consumables(ctx context.Context) error {
	for _, name := range a.resource {
		pipe := a.client.TxPipeline()
		there, named := pipe.Exists(ctx, consumableKey(name)), pipe.SIsMember(ctx, consumables, name)
		if _, err := pipe.Exec(ctx); err != nil {
			return a.unreadable(consumables, err)
		}
		if there.Val() == 0 || named.Val() {
			continue
		}
		if a.repair {
			if err := a.mend(ctx, "SADD", consumables, name); err != nil {
				return err
			}
		}
		a.report(batch.Finding{Check: batch.CheckHolders, Key: consumables, Detail: name + " is not among them", Mendable: true, Mended: a.repair})
	}
	names, err := a.sortedMembers(ctx, consumables)
	if err != nil {
		return a.unreadable(consumables, err)
	}
	return a.tallyHolders(ctx, names)
}

// tallyHolders adds up what is held, at one moment.
func (a *auditor) tallyHolders(ctx context.Context, names []string) error {
	pipe := a.client.TxPipeline()
	held := pipe.HGetAll(ctx, holders)
	inUse := make([]*redis.StringCmd, len(names))
	for i, name := range names {
		inUse[i] = pipe.HGet(ctx, consumableKey(name), "u")
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return a.unreadable(holders, err)
	}
	stored, counted := amounts{}, amounts{}
	for i, name := range names {
		n, err := inUse[i].Int64()
		if errors.Is(err, redis.Nil) {
			continue // deleted since
		}
		if err != nil {
			return a.unreadable(consumableKey(name), fmt.Errorf("%w: %w", errNotANumber, err))
		}
		stored.add(consumableKey(name), "u", n)
		counted.add(consumableKey(name), "u", 0)
	}
	for _, text := range held.Val() {
		words := strings.Fields(text)
		for i := 0; i+1 < len(words); i += 2 {
			key := consumableKey(words[i])
			var n int64
			if _, err := fmt.Sscan(words[i+1], &n); err == nil && counted[key] != nil {
				counted.add(key, "u", n)
			}
		}
	}
	return a.adjust(ctx, stored, counted)
}

// heldByLive finds attempts under way that are not known to hold what they took.
func (a *auditor) heldByLive(ctx context.Context, q slot) error {
	ids, err := a.client.SMembers(ctx, q.live()).Result()
	if err != nil {
		return wrap(err)
	}
	known := map[string]batch.Job{}
	if err := a.learn(ctx, q, ids, known); err != nil {
		return err
	}
	for _, job := range known {
		if job.Current == nil || len(job.Consumables) == 0 {
			continue
		}
		if err := a.heldBy(ctx, job); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) heldBy(ctx context.Context, job batch.Job) error {
	holder := batch.AttemptID(job.ID, job.Current.Number)
	has, err := a.client.HExists(ctx, holders, holder).Result()
	if err != nil || has {
		return wrap(err)
	}
	now, err := a.Job(ctx, job.ID)
	if err != nil || now.Current == nil || now.Current.Number != job.Current.Number {
		return ignoreNotFound(err)
	}
	for _, c := range job.Consumables {
		if _, err := a.Consumable(ctx, c.Name); err != nil {
			return ignoreNotFound(err) // deleted: nothing is held of it
		}
	}
	f := batch.Finding{Check: batch.CheckHolders, Key: holders, Job: job.ID, Detail: "its attempt holds nothing", Mendable: true}
	if a.repair {
		short, err := a.TakeConsumables(ctx, holder, job.Consumables)
		if err != nil {
			return err
		}
		if f.Mended = short == ""; !f.Mended {
			f.Detail += " and there is too little of " + short
		}
	}
	a.report(f)
	return nil
}
