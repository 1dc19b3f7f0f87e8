// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

// slot looks at what a queue counts and at its outbox, after all its records and indexes.
func (a *auditor) slot(ctx context.Context, q slot) error {
	if a.at(q).keys == 0 {
		return nil // nothing but that it is closed
	}
	if err := a.shares(ctx, q); err != nil {
		return err
	}
	if err := a.orders(ctx, q); err != nil {
		return err
	}
	if !a.at(q).isOff {
		if err := a.usage(ctx, q); err != nil {
			return err
		}
		if err := a.heldByLive(ctx, q); err != nil {
			return err
		}
	}
	if err := a.specReferencesOf(ctx, q); err != nil {
		return err
	}
	if err := a.outbox(ctx, q); err != nil {
		return err
	}
	return a.pause(ctx)
}

// shares holds the sets of shares against what waits and runs.
func (a *auditor) shares(ctx context.Context, q slot) error {
	pipe := a.client.Pipeline()
	waiting, active, live := pipe.SMembers(ctx, q.waitingShares()), pipe.SMembers(ctx, q.activeShares()), pipe.HKeys(ctx, q.shareLive())
	if _, err := pipe.Exec(ctx); err != nil {
		return a.unreadable(q.waitingShares(), err)
	}
	known := map[string]bool{}
	for _, share := range slices.Concat(waiting.Val(), active.Val(), live.Val()) {
		known[share] = true
	}
	for _, x := range a.indexes {
		if x.slot == q && x.kind == "waiting" {
			known[x.name] = true
		}
	}
	for _, share := range slices.Sorted(maps.Keys(known)) {
		wrong, err := a.checks(ctx, a.scripts.auditShare, []string{q.waiting(share), q.waitingShares(), q.activeShares(), q.shareLive()},
			share, flag(a.repair))
		if err != nil {
			return err
		}
		a.found(wrong, q.waitingShares(), "", fmt.Sprintf("share %q is not known as it waits or runs", share))
	}
	return nil
}

// orders sees to it that numbers given out before are not given out again.
func (a *auditor) orders(ctx context.Context, q slot) error {
	indexes := []string{q.settled()}
	for _, status := range batch.JobStatuses {
		indexes = append(indexes, q.status(status))
	}
	pipe := a.client.Pipeline()
	tops := make([]*redis.ZSliceCmd, len(indexes))
	for i, key := range indexes {
		tops[i] = pipe.ZRevRangeWithScores(ctx, key, 0, 0)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return a.unreadable(q.settled(), err)
	}
	least := [2]float64{} // of marks, of orders
	for i, top := range tops {
		for _, z := range top.Val() {
			least[min(i, 1)] = max(least[min(i, 1)], z.Score)
		}
	}
	if err := a.raise(ctx, q.marks(), "", int64(least[0])); err != nil {
		return err
	}
	if err := a.raise(ctx, q.order(), "", int64(least[1])); err != nil {
		return err
	}
	if a.epoch == 0 || !a.repair {
		return nil
	}
	return a.claim(ctx, q.number()) // a queue that is new, or lost its epoch, is fenced with the leader's next write
}

// raise sees to it that a number, or a field of a hash, is no less than another.
func (a *auditor) raise(ctx context.Context, key, field string, least int64) error {
	wrong, err := a.is(ctx, a.scripts.raise, []string{key}, field, least, flag(a.repair))
	if err != nil || !wrong {
		return err
	}
	a.report(batch.Finding{
		Check: batch.CheckCounters, Key: key, Detail: strings.TrimSpace(fmt.Sprintf("%s must be at least %d", field, least)), Mendable: true, Mended: a.repair,
	})
	return nil
}

// outbox sees to it that every change can be read, and that no sink waits for what came before.
func (a *auditor) outbox(ctx context.Context, q slot) error {
	for from := "-"; ; {
		entries, err := a.client.XRangeN(ctx, q.events(), from, "+", 4*auditPage).Result()
		if err != nil {
			return a.unreadable(q.events(), err)
		}
		for _, e := range entries {
			if _, err := decodeChange(q, e); err == nil {
				continue
			}
			if a.repair {
				if err := a.mend(ctx, "XDEL", q.events(), e.ID); err != nil {
					return err
				}
			}
			a.report(batch.Finding{
				Check: batch.CheckOutbox, Key: q.events(), Detail: "entry " + e.ID + " cannot be read", Mendable: true, Mended: a.repair,
			})
		}
		if len(entries) < 4*auditPage {
			break
		}
		from = "(" + entries[len(entries)-1].ID
		if err := a.pause(ctx); err != nil {
			return err
		}
	}
	return a.cursors(ctx, q)
}

// cursors brings sinks back that are ahead of the outbox, as after its loss: they would miss what comes.
func (a *auditor) cursors(ctx context.Context, q slot) error {
	cursors, err := a.client.HGetAll(ctx, q.cursors()).Result()
	if err != nil || len(cursors) == 0 {
		return a.unreadable(q.cursors(), err)
	}
	stream, err := a.client.XInfoStream(ctx, q.events()).Result()
	if err != nil {
		return nil //nolint:nilerr // no outbox yet: what comes first is after every cursor, it begins with the time
	}
	for sink, cursor := range cursors {
		if cursor == "" || cursorForm.MatchString(cursor) && !isLaterID(cursor, stream.LastGeneratedID) {
			continue
		}
		if a.repair {
			if err := a.mend(ctx, "HSET", q.cursors(), sink, stream.LastGeneratedID); err != nil {
				return err
			}
		}
		a.report(batch.Finding{
			Check: batch.CheckOutbox, Key: q.cursors(), Detail: fmt.Sprintf("sink %s is at %s, ahead of %s", sink, cursor, stream.LastGeneratedID),
			Mendable: true, Mended: a.repair,
		})
	}
	return nil
}

// isLaterID compares ids of a stream, "milliseconds-sequence".
func isLaterID(id, than string) bool {
	var a, b [2]uint64
	_, err1 := fmt.Sscanf(id, "%d-%d", &a[0], &a[1])
	_, err2 := fmt.Sscanf(than, "%d-%d", &b[0], &b[1])
	return err1 == nil && err2 == nil && slices.Compare(a[:], b[:]) > 0
}

// global looks at what belongs to no queue.
func (a *auditor) global(ctx context.Context) error {
	return errors.Join(a.queues(ctx), a.definitions(ctx), a.consumables(ctx))
}

// queues holds the queues against the numbers that their jobs have.
func (a *auditor) queues(ctx context.Context) error {
	known, err := a.Queues(ctx)
	if err != nil {
		return err
	}
	gone, err := a.client.SMembers(ctx, deleted).Result()
	if err != nil {
		return wrap(err)
	}
	numbers := map[int]bool{}
	highest, epochs := 0, int64(0)
	for _, q := range known {
		numbers[q.Number] = true
		highest = max(highest, q.Number)
	}
	for _, text := range gone {
		number, err := strconv.Atoi(text)
		if err != nil {
			continue
		}
		numbers[number] = true
		if err := a.closed(ctx, number); err != nil {
			return err
		}
	}
	for q := range a.slots {
		number := q.number()
		highest = max(highest, number)
		epoch, err := a.client.Get(ctx, q.epoch()).Int64()
		if err == nil {
			epochs = max(epochs, epoch)
		}
		if !numbers[number] && a.slots[q].keys > 0 {
			if err := a.withoutQueue(ctx, q, number); err != nil {
				return err
			}
		}
	}
	return errors.Join(a.raise(ctx, queueNumber, "", int64(highest)), a.raise(ctx, lastEpoch, "", max(epochs, a.epoch)))
}

// number is the queue's that the slot is of.
func (s slot) number() int {
	n, err := strconv.ParseInt(string(s[len("muster:{"):len(s)-2]), 16, 32)
	if err != nil {
		return 0
	}
	return int(n)
}

// closed sees to it that a queue which is deleted takes no jobs.
func (a *auditor) closed(ctx context.Context, number int) error {
	q := slotOf(number)
	// Whoever deletes closes first: a number that is in the set only now was closed before.
	set, err := a.client.Exists(ctx, q.closed()).Result()
	if err != nil || set == 1 {
		return wrap(err)
	}
	if a.repair {
		if err := a.mend(ctx, "SET", q.closed(), 1); err != nil {
			return err
		}
	}
	a.report(batch.Finding{Check: batch.CheckQueue, Key: q.closed(), Detail: "a deleted queue is not closed", Mendable: true, Mended: a.repair})
	return nil
}

// withoutQueue looks at a number that neither a queue nor a deleted one has. One that is closed was deleted; any other has
// lost its queue, and everything of it is kept.
func (a *auditor) withoutQueue(ctx context.Context, q slot, number int) error {
	records := 0
	for _, status := range batch.JobStatuses {
		n, err := a.client.ZCard(ctx, q.status(status)).Result()
		if err != nil {
			return a.unreadable(q.status(status), err)
		}
		records += int(n)
	}
	// It may have been created or forgotten since the queues were read.
	now, err := a.Queues(ctx)
	if err != nil || records == 0 || slices.ContainsFunc(now, func(known batch.JobQueue) bool { return known.Number == number }) {
		return err
	}
	isClosed, err := a.client.Exists(ctx, q.closed()).Result()
	if err != nil {
		return wrap(err)
	}
	f := batch.Finding{Check: batch.CheckQueue, Key: string(q), Detail: fmt.Sprintf("%d jobs have no queue", records), Mendable: isClosed == 1}
	if f.Mendable && a.repair {
		if err := a.mend(ctx, "SADD", deleted, number); err != nil {
			return err
		}
		f.Mended = true
	}
	a.report(f)
	return nil
}

// definitions sees to it that every revision is known by its name and none is given out again.
func (a *auditor) definitions(ctx context.Context) error {
	for _, name := range a.revision {
		fields, err := a.client.HKeys(ctx, definitionKey(name)).Result()
		if err != nil {
			if err := a.unreadable(definitionKey(name), err); err != nil {
				return err
			}
			continue
		}
		latest := 0
		for _, field := range fields {
			if n, err := strconv.Atoi(field); err == nil {
				latest = max(latest, n)
			}
		}
		if err := a.raise(ctx, revisions, name, int64(latest)); err != nil {
			return err
		}
		active, err := a.client.ZRange(ctx, activeKey(name), 0, -1).Result()
		if err != nil {
			return a.unreadable(activeKey(name), err)
		}
		for _, revision := range active {
			if slices.Contains(fields, revision) {
				continue
			}
			if err := a.inactive(ctx, name, revision); err != nil {
				return err
			}
		}
	}
	return nil
}

// inactive takes a revision out of the ACTIVE ones that there is not.
func (a *auditor) inactive(ctx context.Context, name, revision string) error {
	there, err := a.client.HExists(ctx, definitionKey(name), revision).Result()
	if err != nil || there {
		return wrap(err)
	}
	if a.repair {
		if err := a.mend(ctx, "ZREM", activeKey(name), revision); err != nil {
			return err
		}
	}
	a.report(batch.Finding{
		Check: batch.CheckDefinition, Key: activeKey(name), Detail: "revision " + revision + " is ACTIVE and lost", Mendable: true, Mended: a.repair,
	})
	return nil
}
