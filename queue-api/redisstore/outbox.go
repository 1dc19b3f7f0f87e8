// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/muster-batch/muster/queue-api/batch"
)

var cursorForm = regexp.MustCompile(`^[0-9]+-[0-9]+$`)

// StatusChanges implements storetest.Store.
func (s *Store) StatusChanges(ctx context.Context, queueNumber int, after string, limit int) ([]batch.StatusChange, error) {
	from := "-"
	if after != "" {
		if !cursorForm.MatchString(after) {
			return nil, batch.Invalidf("cursor: not one of this outbox")
		}
		from = "(" + after
	}
	q := slotOf(queueNumber)
	entries, err := s.client.XRangeN(ctx, q.events(), from, "+", int64(limit)).Result()
	if err != nil {
		return nil, wrap(err)
	}
	out := make([]batch.StatusChange, 0, len(entries))
	for _, e := range entries {
		c, err := decodeChange(q, e)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func decodeChange(q slot, e redis.XMessage) (batch.StatusChange, error) {
	var fields [5]string
	for i, name := range [...]string{"j", "f", "t", "a", "r"} {
		fields[i], _ = e.Values[name].(string)
	}
	at, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil || len(fields[0]) < jobLength || fields[2] == "" {
		return batch.StatusChange{}, fmt.Errorf("decode entry %s of the outbox: %w", e.ID, errors.Join(errUnknownLetter, err))
	}
	c := batch.StatusChange{
		Cursor: e.ID, JobID: q.full(shortID(fields[0])), To: statusOf[fields[2][0]], At: fromMillis(at), Reason: fields[4],
	}
	if fields[1] != "" {
		c.From = statusOf[fields[1][0]]
	}
	return c, nil
}

// DeliveryCursor implements storetest.Store.
func (s *Store) DeliveryCursor(ctx context.Context, sink string, queueNumber int) (string, error) {
	cursor, err := s.client.HGet(ctx, slotOf(queueNumber).cursors(), sink).Result()
	return cursor, wrap(err)
}

// SetDeliveryCursor implements storetest.Store.
func (s *Store) SetDeliveryCursor(ctx context.Context, sink string, queueNumber int, cursor string) error {
	key := slotOf(queueNumber).cursors()
	return s.put(ctx, "redis/set-cursor", key, func(pipe redis.Pipeliner) redis.Cmder { return pipe.HSet(ctx, key, sink, cursor) })
}

// LastStatusChange implements storetest.Store.
func (s *Store) LastStatusChange(ctx context.Context, queueNumber int) (string, error) {
	newest, err := s.client.XRevRangeN(ctx, slotOf(queueNumber).events(), "+", "-", 1).Result()
	if err != nil || len(newest) == 0 {
		return "", wrap(err)
	}
	return newest[0].ID, nil
}
